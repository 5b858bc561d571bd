// A CUDA driver without a GPU, for tests of the binding: device memory is host memory, work on the
// stream is done at once or recorded, and the one kernel is "scale"; with STUB_KERNELS all others are
// found, too, and do nothing. STUB_... in the environment makes it old, small or faulty: STUB_LAUNCH,
// STUB_GRAPH and STUB_WAIT are what a launch, the start of a graph and the wait for one that was started
// end with, and everything after them. Every call is a line in the file STUB_LOG.

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Result;

enum {
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NO_DEVICE = 100,
  UNSUPPORTED_PTX_VERSION = 222,
  NOT_FOUND = 500,
  ILLEGAL_ADDRESS = 700,
  UNKNOWN = 999
};

// What scale takes: multiplies `count` floats.
typedef struct {
  float* numbers;
  int32_t count;
  float factor;
} Scale;

typedef struct {
  enum { COPY, FILL, LAUNCH } kind;
  void* target;
  const void* source;
  size_t bytes;
  unsigned char value;
  Scale scale;
} Work;

typedef struct {
  Work work[16];
  int count;
} Recording;

static Result broken;
static int started;
static Recording* recording;
static size_t used;
static long handles;

static long setting(const char* name, long otherwise) {
  const char* text = getenv(name);
  return text ? atol(text) : otherwise;
}

static Result call(const char* format, ...) {
  const char* path = getenv("STUB_LOG");
  if (path) {
    FILE* log = fopen(path, "a");
    va_list arguments;
    va_start(arguments, format);
    vfprintf(log, format, arguments);
    va_end(arguments);
    fputc('\n', log);
    fclose(log);
  }
  return broken;
}

static void* handle(void) { return (void*)(0x1000 + 16 * ++handles); }

static void perform(const Work* work) {
  switch (work->kind) {
    case COPY:
      memcpy(work->target, work->source, work->bytes);
      break;
    case FILL:
      memset(work->target, work->value, work->bytes);
      break;
    case LAUNCH:
      for (int i = 0; i < work->scale.count; i++) {
        work->scale.numbers[i] *= work->scale.factor;
      }
  }
}

static void enqueue(Work work) {
  if (recording) {
    recording->work[recording->count++] = work;
  } else {
    perform(&work);
  }
}

Result cuGetErrorName(Result result, const char** name) {
  switch (result) {
    case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; return 0;
    case NO_DEVICE: *name = "CUDA_ERROR_NO_DEVICE"; return 0;
    case UNSUPPORTED_PTX_VERSION: *name = "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"; return 0;
    case NOT_FOUND: *name = "CUDA_ERROR_NOT_FOUND"; return 0;
    case ILLEGAL_ADDRESS: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; return 0;
    case UNKNOWN: *name = "CUDA_ERROR_UNKNOWN"; return 0;
    default: *name = NULL; return INVALID_VALUE;
  }
}

Result cuGetErrorString(Result result, const char** text) {
  const char* name;
  Result known = cuGetErrorName(result, &name);
  *text = known == 0 ? "text of the stub" : NULL;
  return known;
}

Result cuInit(unsigned flags) {
  Result result = call("cuInit %u", flags);
  return result ? result : setting("STUB_INIT", 0);
}

Result cuDriverGetVersion(int* version) {
  *version = setting("STUB_VERSION", 12040);
  return call("cuDriverGetVersion");
}

Result cuDeviceGetCount(int* count) {
  *count = setting("STUB_DEVICES", 1);
  return call("cuDeviceGetCount");
}

Result cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return call("cuDeviceGet %d", ordinal);
}

Result cuDeviceGetName(char* name, int length, int device) {
  snprintf(name, length, "Stub %d", device);
  return call("cuDeviceGetName");
}

Result cuDeviceTotalMem_v2(size_t* bytes, int device) {
  *bytes = setting("STUB_MEMORY", 1 << 30);
  return call("cuDeviceTotalMem %d", device);
}

Result cuDeviceGetAttribute(int* value, int attribute, int device) {
  long capability = setting("STUB_CAPABILITY", 90);
  switch (attribute) {
    case 16: *value = 132; break;
    case 38: *value = 50 << 20; break;
    case 75: *value = capability / 10; break;
    case 76: *value = capability % 10; break;
    case 97: *value = 227 << 10; break;
    default: return INVALID_VALUE;
  }
  return call("cuDeviceGetAttribute %d of %d", attribute, device);
}

Result cuDevicePrimaryCtxRetain(void** context, int device) {
  *context = handle();
  return call("cuDevicePrimaryCtxRetain %d", device);
}

Result cuDevicePrimaryCtxRelease_v2(int device) {
  return call("cuDevicePrimaryCtxRelease %d", device);
}

Result cuDevicePrimaryCtxReset_v2(int device) {
  broken = 0;
  return call("cuDevicePrimaryCtxReset %d", device);
}

Result cuCtxSetCurrent(void* context) {
  return context ? call("cuCtxSetCurrent") : INVALID_VALUE;
}

Result cuStreamCreate(void** stream, unsigned flags) {
  *stream = (void*)0xABCDEF012345;
  return call("cuStreamCreate flags %u", flags);
}

Result cuStreamDestroy_v2(void* stream) { return call("cuStreamDestroy %p", stream); }

Result cuStreamSynchronize(void* stream) {
  Result result = call("cuStreamSynchronize %p", stream);
  if (result == 0 && started) {
    broken = result = setting("STUB_WAIT", 0);
  }
  return result;
}

Result cuStreamBeginCapture_v2(void* stream, int mode) {
  Result result = call("cuStreamBeginCapture %p mode %d", stream, mode);
  if (result == 0) {
    recording = calloc(1, sizeof(Recording));
  }
  return result;
}

Result cuStreamEndCapture(void* stream, void** graph) {
  Result result = call("cuStreamEndCapture %p", stream);
  *graph = recording;
  recording = NULL;
  return result;
}

Result cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long flags) {
  Result result = call("cuGraphInstantiate flags %llu", flags);
  if (result == 0) {
    *executable = malloc(sizeof(Recording));
    memcpy(*executable, graph, sizeof(Recording));
  }
  return result;
}

Result cuGraphDestroy(void* graph) {
  free(graph);
  return call("cuGraphDestroy");
}

Result cuGraphUpload(void* executable, void* stream) {
  return executable ? call("cuGraphUpload %p", stream) : INVALID_VALUE;
}

Result cuGraphLaunch(void* executable, void* stream) {
  Result result = call("cuGraphLaunch %p", stream);
  if (result == 0) {
    broken = result = setting("STUB_GRAPH", 0);
  }
  if (result == 0) {
    Recording* graph = executable;
    for (int i = 0; i < graph->count; i++) {
      perform(&graph->work[i]);
    }
    started = 1;
  }
  return result;
}

Result cuGraphExecDestroy(void* executable) {
  free(executable);
  return call("cuGraphExecDestroy");
}

Result cuMemAlloc_v2(void** address, size_t bytes) {
  Result result = call("cuMemAlloc %zu", bytes);
  if (result) {
    return result;
  }
  if (used + bytes > (size_t)setting("STUB_MEMORY", 1 << 30)) {
    return OUT_OF_MEMORY;
  }
  used += bytes;
  *address = aligned_alloc(256, (bytes + 255) / 256 * 256);
  return 0;
}

Result cuMemFree_v2(void* address) {
  Result result = call("cuMemFree");
  if (result == 0) {
    free(address);
  }
  return result;
}

Result cuMemGetInfo_v2(size_t* available, size_t* total) {
  *total = setting("STUB_MEMORY", 1 << 30);
  *available = *total - used;
  return call("cuMemGetInfo");
}

Result cuMemHostAlloc(void** address, size_t bytes, unsigned flags) {
  Result result = call("cuMemHostAlloc %zu flags %u", bytes, flags);
  if (result == 0) {
    *address = malloc(bytes);
    memset(*address, 0xFF, bytes);
  }
  return result;
}

Result cuMemFreeHost(void* address) {
  Result result = call("cuMemFreeHost");
  if (result == 0) {
    free(address);
  }
  return result;
}

Result cuMemcpyHtoDAsync_v2(void* target, const void* source, size_t bytes, void* stream) {
  Result result = call("cuMemcpyHtoDAsync %zu %p", bytes, stream);
  if (result == 0) {
    enqueue((Work){.kind = COPY, .target = target, .source = source, .bytes = bytes});
  }
  return result;
}

Result cuMemcpyDtoHAsync_v2(void* target, const void* source, size_t bytes, void* stream) {
  Result result = call("cuMemcpyDtoHAsync %zu %p", bytes, stream);
  if (result == 0) {
    enqueue((Work){.kind = COPY, .target = target, .source = source, .bytes = bytes});
  }
  return result;
}

Result cuMemsetD8Async(void* target, unsigned char value, size_t bytes, void* stream) {
  Result result = call("cuMemsetD8Async %d %zu %p", value, bytes, stream);
  if (result == 0) {
    enqueue((Work){.kind = FILL, .target = target, .value = value, .bytes = bytes});
  }
  return result;
}

Result cuModuleLoadDataEx(
    void** module, const char* ptx, unsigned count, const int* options, void** values) {
  Result result = call("cuModuleLoadDataEx %s", ptx);
  if (result == 0 && setting("STUB_PTX", 0)) {
    for (unsigned i = 0; i + 1 < count; i++) {
      if (options[i] == 5 && options[i + 1] == 6) {
        snprintf(values[i], (size_t)values[i + 1], "line 1: too new");
      }
    }
    result = setting("STUB_PTX", 0);
  }
  *module = handle();
  return result;
}

Result cuModuleUnload(void* module) { return module ? call("cuModuleUnload") : INVALID_VALUE; }

Result cuModuleGetFunction(void** function, void* module, const char* name) {
  Result result = call("cuModuleGetFunction %s", name);
  *function = handle();
  if (result == 0 && strcmp(name, "scale") != 0 && !setting("STUB_KERNELS", 0)) {
    result = NOT_FOUND;
  }
  return module ? result : INVALID_VALUE;
}

Result cuFuncSetAttribute(void* function, int attribute, int value) {
  return function ? call("cuFuncSetAttribute %d %d", attribute, value) : INVALID_VALUE;
}

Result cuLaunchKernel(
    void* function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned threadsY,
    unsigned threadsZ, unsigned sharedBytes, void* stream, void** parameters, void** extra) {
  Scale scale;
  memcpy(&scale, parameters[0], sizeof(Scale));
  Result result = call(
      "cuLaunchKernel %ux%ux%u of %ux%ux%u shared %u %p count %d factor %g%s",
      x, y, z, threads, threadsY, threadsZ, sharedBytes, stream, scale.count, scale.factor,
      function && !extra ? "" : " WRONG");
  if (result == 0) {
    broken = result = setting("STUB_LAUNCH", 0);
  }
  if (result == 0 && !setting("STUB_KERNELS", 0)) {
    enqueue((Work){.kind = LAUNCH, .scale = scale});
  }
  return result;
}

// CUlaunchConfig and CUlaunchAttribute of cuda.h.
typedef struct {
  int id;
  char padding[4];
  union {
    char bytes[64];
    int flag;
  } value;
} Attribute;

typedef struct {
  unsigned x, y, z, threads, threadsY, threadsZ, sharedBytes;
  void* stream;
  Attribute* attributes;
  unsigned attributeCount;
} Configuration;

Result cuLaunchKernelEx(
    const Configuration* c, void* function, void** parameters, void** extra) {
  if (c->attributeCount == 1) {
    call("attribute %d is %d", c->attributes[0].id, c->attributes[0].value.flag);
  }
  return cuLaunchKernel(
      function, c->x, c->y, c->z, c->threads, c->threadsY, c->threadsZ, c->sharedBytes, c->stream,
      parameters, extra);
}

Result cuTensorMapEncodeTiled(
    void* map, int type, unsigned rank, void* address, const uint64_t* sizes,
    const uint64_t* strides, const unsigned* box, const unsigned* steps, int interleave,
    int swizzle, int promotion, int fill) {
  if (rank != 3 || (uintptr_t)map % 64 || steps[0] * steps[1] * steps[2] != 1) {
    return INVALID_VALUE;
  }
  memset(map, 7, 128);
  return call(
      "cuTensorMapEncodeTiled type %d at %p of %lux%lux%lu strides %lu %lu box %ux%ux%u"
      " interleave %d swizzle %d promotion %d fill %d",
      type, address, sizes[0], sizes[1], sizes[2], strides[0], strides[1], box[0], box[1], box[2],
      interleave, swizzle, promotion, fill);
}

Result cuEventCreate(void** event, unsigned flags) {
  *event = handle();
  return call("cuEventCreate flags %u", flags);
}

Result cuEventRecord(void* event, void* stream) {
  return event ? call("cuEventRecord %p", stream) : INVALID_VALUE;
}

Result cuEventElapsedTime(float* millis, void* first, void* second) {
  *millis = ((char*)second - (char*)first) / 32.0f;
  return call("cuEventElapsedTime");
}

Result cuEventDestroy_v2(void* event) { return event ? call("cuEventDestroy") : INVALID_VALUE; }
