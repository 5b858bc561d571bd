package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/**
 * 32 threads that execute the same instruction. A register is a row of 32 numbers of 64 bits; an
 * instruction looks at no more bits than its type has, so what is above them is of no meaning.
 * Predicates are one bit for each lane.
 */
final class Warp {

  static final int LANES = 32;
  static final int ALL = -1;

  /** Where results are put of which only some lanes are taken; no register has this row. */
  static final int SCRATCH = 0;

  /** Where results go that nobody wants, {@code _} in PTX. */
  static final int SINK = 1;

  /** The first row of a register with a name. */
  static final int FIRST = 2;

  /** So many times round loops in one block are taken for a loop without end. */
  private static final long MOST_ROUNDS = 1L << 28;

  /** Rounds of loops after which another warp has a turn. */
  private static final int TURN = 1024;

  /** What a warp can do next. */
  enum State {
    RUNNING,
    AT_BARRIER,
    WAITING,
    EXITED
  }

  /** Something that a warp waits for; says in a message what. */
  interface Wait {

    /** True if the warp can go on. */
    boolean isOver();

    /** Does what is left to be done of the instruction, when the wait is over. */
    void end();
  }

  /** [registers, lanes]. */
  final long[] registers;

  /** A bit for each lane, by register number. */
  final int[] predicates;

  /** The lanes in which a register has been set, by register number. */
  final int[] defined;

  final Block block;

  /** In its block. */
  final int index;

  /** In its cluster. */
  final int number;

  final Memory memory;
  final AsyncCopies copies;
  final BulkStores stores;
  final Synchronization synchronization;

  /** Products of the warp that go on by themselves; null if the kernel has none. */
  final ProductRegisters products;

  /** Operands and sums of the matrix product that is being computed: [16, 16], [16, 8], [16, 8]. */
  final float[] left = new float[16 * 16];

  final float[] right = new float[16 * 8];
  final float[] sums = new float[16 * 8];

  /** Where the rows of the matrices lie that are being loaded. */
  final int[] rowIndex = new int[LANES];

  private final Kernel kernel;
  private final Instruction[] code;
  private final Paths paths = new Paths();
  private int counter;
  private int active;
  private int live;
  private int started;
  private State state;
  private Wait wait;
  private MemoryBarrier tried;
  private int triedPhase;
  private Instruction current;
  private int rounds;
  private long roundsInBlock;
  private final Standstill standstill = new Standstill(this);

  Warp(Block block, int index) {
    this.block = block;
    this.index = index;
    number = block.rank() * block.warps().length + index;
    kernel = block.kernel();
    code = kernel.code();
    registers = new long[kernel.registers() * LANES];
    predicates = new int[kernel.registers()];
    defined = new int[kernel.registers()];
    synchronization = new Synchronization(number, block.cluster().agents());
    products = kernel.asynchronous() ? new ProductRegisters(this, kernel.registers()) : null;
    memory = new Memory(this);
    copies = new AsyncCopies(this);
    stores = new BulkStores(this);
    kernel.constants().forEach((value, register) -> fill(register, value));
  }

  private void fill(int register, long value) {
    Arrays.fill(registers, register * LANES, (register + 1) * LANES, value);
    predicates[register] = value == 0 ? 0 : ALL;
  }

  /** Starts the block's threads from the beginning of the kernel. */
  void start(int threads) {
    started = threads >= LANES ? ALL : (1 << threads) - 1;
    live = started;
    active = started;
    counter = 0;
    state = State.RUNNING;
    roundsInBlock = 0;
    standstill.clear();
    tried = null;
    paths.clear();
    copies.clear();
    stores.clear();
    memory.clear();
    synchronization.clear();
    if (products != null) {
      products.clear();
    }
    Arrays.fill(defined, 0);
    for (int register : kernel.constants().values()) {
      defined[register] = ALL;
    }
    kernel.specials().forEach((special, register) -> fillSpecial(special, register));
  }

  private void fillSpecial(SpecialRegister special, int register) {
    for (int lane = 0; lane < LANES; lane++) {
      registers[register * LANES + lane] = special.value(this, lane);
    }
    defined[register] = ALL;
  }

  /** Copies some lanes of the scratch row to a register. */
  void take(int row, int lanes) {
    if (lanes == ALL) {
      System.arraycopy(registers, SCRATCH, registers, row, LANES);
      return;
    }
    for (int lane = 0; lane < LANES; lane++) {
      if ((lanes >>> lane & 1) != 0) {
        registers[row + lane] = registers[SCRATCH + lane];
      }
    }
  }

  void setPredicate(int number, int lanes, int value) {
    predicates[number] = (predicates[number] & ~lanes) | (value & lanes);
  }

  State state() {
    return state;
  }

  /** The lanes that have not exited. */
  int live() {
    return live;
  }

  /** The lanes that the block started with. */
  int started() {
    return started;
  }

  /** True if the warp can go on, as far as is known. */
  boolean canRun() {
    return switch (state) {
      case RUNNING -> !standstill.holds();
      case WAITING -> wait.isOver();
      case AT_BARRIER, EXITED -> false;
    };
  }

  /**
   * Executes until the warp has to wait, has exited, or has gone round loops so many times that
   * others should have a turn.
   */
  void run() {
    rounds = TURN;
    standstill.leave();
    if (state == State.WAITING) {
      state = State.RUNNING;
      wait.end();
    }
    long changesBefore = block.changes();
    while (state == State.RUNNING && rounds > 0) {
      step();
    }
    if (state == State.RUNNING) {
      roundsInBlock += TURN;
      if (roundsInBlock > MOST_ROUNDS) {
        throw fault(firstActive(), "goes round a loop without end");
      }
      endTurn(changesBefore);
    }
  }

  private void step() {
    if (counter >= paths.attention()) {
      regroup();
    }
    Instruction instruction = code[counter];
    current = instruction;
    int lanes = instruction.guarded(this, active);
    if (lanes == 0) {
      counter++;
    } else if (!(instruction instanceof Collective collective) || gathered(collective, lanes)) {
      counter++;
      instruction.checkReads(this, lanes);
      if (products != null) {
        products.check(instruction);
      }
      instruction.execute(this, lanes);
      instruction.markWrites(this, lanes);
    }
  }

  /** Lanes at the same place go on together; those that are behind go first. */
  private void regroup() {
    active |= paths.join(counter);
    if (paths.before(counter)) {
      paths.add(counter, active, Paths.Reason.AHEAD);
      takePath();
    }
  }

  private boolean takePath() {
    int lanes = paths.take();
    if (lanes == 0) {
      return false;
    }
    active = lanes;
    counter = paths.takenCounter();
    return true;
  }

  /** True if all members are here; if not, those that are wait, and others go on. */
  private boolean gathered(Collective collective, int lanes) {
    int missing = collective.members(this, lanes) & live & ~lanes;
    if (missing == 0) {
      return true;
    }
    int passing = active & ~lanes;
    if (passing != 0) {
      paths.add(counter + 1, passing, Paths.Reason.AHEAD);
    }
    paths.add(counter, lanes, Paths.Reason.GATHERING);
    if (!takePath()) {
      int lane = Integer.numberOfTrailingZeros(missing);
      throw fault(
          Integer.numberOfTrailingZeros(lanes),
          "is executed by the lanes %08x, but the lanes %08x have to take part and wait elsewhere, lane %d at line %d"
              .formatted(lanes, missing, lane, code[paths.counterOf(lane)].source().line()));
    }
    return false;
  }

  /** Sends lanes elsewhere. */
  void branch(int target, int lanes) {
    if (target < counter) {
      rounds--;
    }
    int staying = active & ~lanes;
    if (staying == 0) {
      counter = target;
      lookForStandstill();
    } else if (target < counter) {
      paths.add(counter, staying, Paths.Reason.AHEAD);
      counter = target;
      active = lanes;
    } else {
      paths.add(target, lanes, Paths.Reason.AHEAD);
      active = staying;
    }
  }

  /** Sends some of several lanes elsewhere, while others are still to be sent. */
  void leave(int target, int lanes) {
    rounds -= target < counter ? 1 : 0;
    paths.add(target, lanes, Paths.Reason.AHEAD);
    active &= ~lanes;
  }

  /** Ends lanes. */
  void exit(int lanes) {
    live &= ~lanes;
    active &= ~lanes;
    if (live == 0) {
      state = State.EXITED;
      end();
    } else if (active == 0 && !takePath()) {
      paths.gatherAgain();
      takePath();
    }
    block.barriers().exited(this);
  }

  private void end() {
    if (products != null) {
      products.exited();
    }
    block.exited(this);
  }

  /** Stops until the wait is over. */
  void waitFor(Wait over) {
    wait = over;
    state = State.WAITING;
  }

  /** True if none of the lanes that could go on is missing. */
  boolean isWhole(int lanes) {
    return lanes == active && !paths.canGoOn();
  }

  /** True if the barrier has been tried in the same phase right before. */
  boolean triesAgain(MemoryBarrier barrier) {
    boolean again = tried == barrier && triedPhase == barrier.phase();
    tried = barrier;
    triedPhase = barrier.phase();
    return again;
  }

  /** Lets others have their turn when it comes round, as this warp has nothing better to do. */
  void yieldTurn() {
    roundsInBlock -= Math.max(0, rounds - 1);
    rounds = 1;
  }

  /** True if this warp can touch what earlier grids write. */
  boolean knowsEarlierGrids() {
    return synchronization.after(block.cluster().agents().earlierGrids(), 1);
  }

  /** Stops until {@link #resume}. */
  void waitAtBarrier() {
    state = State.AT_BARRIER;
  }

  void resume() {
    state = State.RUNNING;
  }

  private void endTurn(long changesBefore) {
    if (standstill.holds()) {
      return;
    }
    if (paths.canGoOn()) {
      paths.add(counter, active, Paths.Reason.TURN_OVER);
      takePath();
    } else if (changesBefore == block.changes()) {
      standstill.remember(counter, active);
    }
  }

  private void lookForStandstill() {
    if (standstill.isFound(counter, active, paths.canGoOn())) {
      rounds = 0;
    }
  }

  /** What to say about a thread that did something wrong. */
  KernelFault fault(int lane, String what) {
    Syntax.Statement source = current.source();
    return new KernelFault(
        "kernel %s, line %d `%s`, block (%d, %d, %d), warp %d, lane %d (thread %d): %s"
            .formatted(
                kernel.name(),
                source.line(),
                source.text(),
                block.x(),
                block.y(),
                block.z(),
                index,
                lane,
                index * LANES + lane,
                what));
  }

  /** Says that the warp cannot go on. */
  KernelFault deadlock() {
    return fault(
        firstActive(),
        "deadlock: no warp of the block can go on; this one waits "
            + waitsFor()
            + block.cluster().report());
  }

  private String waitsFor() {
    return switch (state) {
      case AT_BARRIER -> "at a barrier that others do not reach";
      case WAITING -> wait.toString();
      case RUNNING -> "for a change in memory that never comes";
      case EXITED -> "for nothing: it has exited";
    };
  }

  /** Where it is and what it waits for. */
  String position() {
    return "warp %d%s at line %d `%s` waits %s"
        .formatted(
            index, block.suffix(), current.source().line(), current.source().text(), waitsFor());
  }

  /** The instruction that was executed last. */
  Instruction current() {
    return current;
  }

  String registerName(int register) {
    return kernel.names().get(register);
  }

  private int firstActive() {
    return Integer.numberOfTrailingZeros(active);
  }
}
