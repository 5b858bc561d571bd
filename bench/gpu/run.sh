#!/usr/bin/env bash
# Everything that a machine with an NVIDIA GPU is asked for: the GPU suite, PyTorch beside it, NVIDIA's checker. Needs no Java, and
# neither needs nor writes anything outside this folder and ${OUT:-./out}. PyTorch and compute-sanitizer run where they are installed.
#
# Usage: ./run.sh [--seconds N] [stage[:seconds] ...]
#   --seconds N   all stages together take no longer (default 3600)
#   stages        facts kernels models check determinism speed opponent table ceilings tiles memcheck racecheck (default: all of them,
#                 in this order); each may be given a limit of its own
#   MODELS        environment: small,base,large,giant or some of them
#   OPPONENT      environment: more options for opponent.py
#
# The status is 0 if every stage was, also where there is no GPU; else 1. A stage that fails does not stop the others.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${OUT:-./out}
mkdir -p "$out/tmp"
out=$(cd "$out" && pwd)
models=${MODELS:-small,base,large,giant}
seconds=3600
if [ "${1:-}" = --seconds ]; then
  seconds=$2
  shift 2
fi
stages=("$@")
[ ${#stages[@]} -gt 0 ] ||
  stages=(facts kernels models check determinism speed opponent table ceilings tiles memcheck racecheck)
end=$((SECONDS + seconds))
failed=()

# What programs write beside their results; PyTorch may be installed in the user's home, so that stays where it is.
trap 'rm -rf "$out/tmp"' EXIT
export TMPDIR=$out/tmp XDG_CACHE_HOME=$out/tmp CUDA_CACHE_PATH=$out/tmp/cuda PYTHONDONTWRITEBYTECODE=1
export TORCHINDUCTOR_CACHE_DIR=$out/tmp/inductor TRITON_CACHE_DIR=$out/tmp/triton TRITON_HOME=$out/tmp
java=("$here/jre/bin/java" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -XX:+UseParallelGC
  -XX:MaxRAMPercentage=60 -XX:-UsePerfData -XX:ErrorFile="$out/java-error.log" -Djava.io.tmpdir="$out/tmp" -Duser.home="$out/tmp"
  -cp "$here/lib/*:$here/natives")

# Seconds for a stage that may take $1 at the most, or what the caller has said: no more than are left.
most=
left() {
  local rest=$((end - SECONDS)) limit=${most:-$1}
  echo $((rest < limit ? rest : limit))
}

# Runs stage $1 for $2 seconds at the most: the rest is the command.
stage() {
  local name=$1 limit status
  limit=$(left "$2")
  shift 2
  if [ "$limit" -lt 5 ]; then
    echo "== $name: no time left"
    failed+=("$name (no time left)")
    return
  fi
  echo "== $name, $limit s at the most"
  timeout --kill-after=10 "$limit" "$@" >"$out/$name.log" 2>&1
  status=$?
  grep -v '^WARNING: Using incubator modules' "$out/$name.log" | tail -n 60
  [ $status -eq 0 ] || failed+=("$name (status $status)")
}

# One stage of the suite, which begins nothing new shortly before its end.
suite() {
  local budget
  budget=$(($(left "$2") * 9 / 10))
  stage "$1" "$2" "${java[@]}" dev.fovea.bench.gpu.Suite --out "$out" --only "$1" --models "$models" --budget "$budget"
}

# NVIDIA's tool $1 over the kernels of the smallest model.
sanitizer() {
  if ! command -v compute-sanitizer >/dev/null; then
    echo "== $1: compute-sanitizer is not installed, skipped"
    return
  fi
  local budget
  budget=$(($(left 200) * 7 / 10))
  stage "$1" 200 compute-sanitizer --tool "$1" --error-exitcode 9 --target-processes all \
    "${java[@]}" dev.fovea.bench.gpu.Suite --out "$out/$1" --only kernels,determinism --models small --budget "$budget"
}

# Whether PyTorch is there; stage $1 needs it.
has_torch() {
  python3 -c 'import torch' >/dev/null 2>&1 || { echo "== $1: python3 with torch is not installed, skipped" && false; }
}

# The outputs of stage models beside PyTorch's: the figures are in check-*.json.
check() {
  has_torch check || return 0
  local tokens name
  for tokens in "$out"/*-f16.safetensors; do
    [ -e "$tokens" ] || continue
    name=$(basename "$tokens" -f16.safetensors)
    stage "check-$name" 120 python3 "$here/torch/opponent.py" --out "$out/check-$name.json" --engines eager --models "$name" \
      --precisions f16 --image "$out/image.rgb" --expect "$tokens"
  done
}

opponent() {
  has_torch opponent || return 0
  local budget
  budget=$(($(left 560) * 9 / 10))
  # shellcheck disable=SC2086 # OPPONENT has several words.
  stage opponent 560 python3 "$here/torch/opponent.py" --out "$out/opponent.json" --models "$models" --budget "$budget" ${OPPONENT:-}
}

table() {
  if [ -s "$out/speed.json" ] && [ -s "$out/opponent.json" ]; then
    stage table 60 "${java[@]}" dev.fovea.bench.gpu.Comparison "$out/speed.json" "$out/opponent.json"
    cp "$out/table.log" "$out/table.md"
  else
    echo "== table: speed.json and opponent.json are not both there, skipped"
  fi
}

# Folders that may hold cuBLAS: CUDA's own, and those that PyTorch's packages bring.
library_folders() {
  local packages
  packages=$(python3 -c 'import site, sys; print("\n".join(site.getsitepackages() + sys.path))' 2>/dev/null)
  { ls -d /usr/local/cuda*/lib64 /usr/local/cuda*/targets/x86_64-linux/lib /usr/lib/x86_64-linux-gnu 2>/dev/null
    while IFS= read -r folder; do ls -d "$folder"/nvidia/*/lib 2>/dev/null; done <<<"$packages"; } | sort -u
}

# Lets Java (PyTorch finds its own) find cuBLAS and, for JCublas2, which is bound to cuBLAS 12, a library that passes its calls on where there is cuBLAS 13 alone.
libraries() {
  local folder found twelve='' thirteen=''
  while IFS= read -r folder; do
    [ -z "$twelve" ] && [ -e "$folder/libcublas.so.12" ] && twelve=$folder
    [ -z "$thirteen" ] && [ -e "$folder/libcublas.so.13" ] && thirteen=$folder
  done < <(library_folders)
  found=${thirteen:+$thirteen:}${twelve:+$twelve:}
  if [ -n "$thirteen" ] && [ -z "$twelve" ] &&
    bash "$here/forward-cublas" "$out/tmp/cublas" "$thirteen/libcublas.so.13" >"$out/forward-cublas.log" 2>&1; then
    found=$out/tmp/cublas:$found
  fi
  echo "cuBLAS in: $found"
  java=(env LD_LIBRARY_PATH="$found${LD_LIBRARY_PATH:-}" "${java[@]}")
}

libraries
rm -f "$out/facts.json"
suite facts 120
if grep -q '"no_device"' "$out/facts.json" 2>/dev/null; then
  grep -h '^no device' "$out/facts.log"
  exit 0
fi
if [ ! -s "$out/facts.json" ]; then
  echo "FAILED no look at the GPU was possible; $out/facts.log says why"
  exit 1
fi
for each in "${stages[@]}"; do
  name=${each%%:*}
  most=${each#"$name"}
  most=${most#:}
  case $name in
    facts) ;; # done above
    ceilings) suite "$name" 120 ;;
    kernels) suite "$name" 240 ;;
    models) suite "$name" 300 ;;
    determinism) suite "$name" 180 ;;
    speed) suite "$name" 540 ;;
    tiles) suite "$name" 300 ;;
    memcheck | racecheck) sanitizer "$name" ;;
    check) check ;;
    opponent) opponent ;;
    table) table ;;
    *) failed+=("$name (no such stage)") ;;
  esac
done
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED %s\n' "${failed[@]}"
  exit 1
fi
echo "all stages went well; the results are in $out"
