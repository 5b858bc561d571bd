// cuBLAS 12 and cuBLASLt without a GPU, for tests of the bindings: the products are computed at once,
// on addresses of the host, as the definitions of both libraries have them (columns first). Every
// call is a line in the file STUB_LOG; STUB_CUBLAS is the status of products, STUB_HEURISTICS how
// many algorithms are found.

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Status;

enum { INVALID_VALUE = 7, F32 = 0, F16 = 2, BF16 = 14, COMPUTE_F32 = 68 };

typedef struct {
  int type;
  uint64_t rows, columns;
  int64_t stride;
} Layout;

typedef struct {
  int transposeFirst, epilogue;
  const void* bias;
} Operation;

typedef struct {
  uint64_t algorithm[8];
  size_t workspaceBytes;
  Status status;
  float waves;
  int reserved[4];
} Heuristic;

static int setting(const char* name, int otherwise) {
  const char* text = getenv(name);
  return text ? atoi(text) : otherwise;
}

static Status call(const char* format, ...) {
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
  return 0;
}

static float number(const void* matrix, int type, size_t i) {
  if (type == F32) {
    return ((const float*)matrix)[i];
  }
  if (type == F16) {
    return ((const _Float16*)matrix)[i];
  }
  uint32_t bits = (uint32_t)((const uint16_t*)matrix)[i] << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

static void store(void* matrix, int type, size_t i, float value) {
  if (type == F32) {
    ((float*)matrix)[i] = value;
  } else if (type == F16) {
    ((_Float16*)matrix)[i] = value;
  } else {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    ((uint16_t*)matrix)[i] = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  }
}

static float gelu(float x) {
  return 0.5f * x * (1 + tanhf(0.7978845608f * (x + 0.044715f * x * x * x)));
}

// D = alpha A^T B + beta C, all columns first, A and B of one type, C and D of another.
static void multiply(
    int rows, int columns, int inner, float alpha, const void* a, long strideA, const void* b,
    long strideB, int operands, float beta, const void* c, void* d, long strideC, int result,
    int epilogue, const void* bias) {
  for (int j = 0; j < columns; j++) {
    for (int i = 0; i < rows; i++) {
      float sum = 0;
      for (int k = 0; k < inner; k++) {
        sum += number(a, operands, k + i * strideA) * number(b, operands, k + j * strideB);
      }
      sum *= alpha;
      if (beta != 0) {
        sum += beta * number(c, result, i + j * strideC);
      }
      if (epilogue & 4) {
        sum += number(bias, result, i);
      }
      store(d, result, i + j * strideC, epilogue & 32 ? gelu(sum) : sum);
    }
  }
}

#ifdef CUBLAS

Status cublasCreate_v2(void** handle) {
  *handle = (void*)0xB1A5;
  return call("cublasCreate");
}

Status cublasDestroy_v2(void* handle) { return call("cublasDestroy %p", handle); }

Status cublasGetVersion_v2(void* handle, int* version) {
  *version = 120602;
  return handle ? call("cublasGetVersion") : INVALID_VALUE;
}

Status cublasSetStream_v2(void* handle, void* stream) {
  return call("cublasSetStream %p %p", handle, stream);
}

Status cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes) {
  return workspace ? call("cublasSetWorkspace %p %zu", handle, bytes) : INVALID_VALUE;
}

Status cublasSetMathMode(void* handle, int mode) {
  return call("cublasSetMathMode %p %d", handle, mode);
}

Status cublasGemmEx(
    void* handle, int transposeA, int transposeB, int m, int n, int k, const float* alpha,
    const void* a, int typeA, int strideA, const void* b, int typeB, int strideB, const float* beta,
    void* c, int typeC, int strideC, int compute, int algorithm) {
  if (transposeA != 1 || transposeB != 0 || typeA != typeB || compute != COMPUTE_F32 ||
      algorithm != -1) {
    return INVALID_VALUE;
  }
  call("cublasGemmEx %p", handle);
  multiply(
      m, n, k, *alpha, a, strideA, b, strideB, typeA, *beta, c, c, strideC, typeC, 0, NULL);
  return setting("STUB_CUBLAS", 0);
}

#else

static const uint64_t MAGIC = 0xC0FFEE;
static const size_t USED_BYTES = 4096;

size_t cublasLtGetVersion(void) { return 10000 * VERSION + 205; }

Status cublasLtCreate(void** handle) {
  *handle = (void*)0xB1A5;
  return call("cublasLtCreate");
}

Status cublasLtDestroy(void* handle) { return call("cublasLtDestroy %p", handle); }

Status cublasLtMatmulDescCreate(Operation** operation, int compute, int scale) {
  *operation = calloc(1, sizeof(Operation));
  return compute == COMPUTE_F32 && scale == F32 ? call("cublasLtMatmulDescCreate") : INVALID_VALUE;
}

Status cublasLtMatmulDescSetAttribute(
    Operation* operation, int attribute, const void* value, size_t bytes) {
  switch (attribute) {
    case 3: memcpy(&operation->transposeFirst, value, 4); return bytes == 4 ? 0 : INVALID_VALUE;
    case 7: memcpy(&operation->epilogue, value, 4); return bytes == 4 ? 0 : INVALID_VALUE;
    case 8: memcpy(&operation->bias, value, 8); return bytes == 8 ? 0 : INVALID_VALUE;
    default: return INVALID_VALUE;
  }
}

Status cublasLtMatmulDescDestroy(Operation* operation) {
  free(operation);
  return call("cublasLtMatmulDescDestroy");
}

Status cublasLtMatrixLayoutCreate(
    Layout** layout, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  *layout = malloc(sizeof(Layout));
  **layout = (Layout){type, rows, columns, stride};
  return 0;
}

Status cublasLtMatrixLayoutDestroy(Layout* layout) {
  free(layout);
  return call("cublasLtMatrixLayoutDestroy");
}

Status cublasLtMatmulPreferenceCreate(void** preference) {
  *preference = malloc(1);
  return 0;
}

Status cublasLtMatmulPreferenceSetAttribute(
    void* preference, int attribute, const void* value, size_t bytes) {
  long number = bytes == 8 ? *(const int64_t*)value : *(const int32_t*)value;
  return preference ? call("preference %d %zu %ld", attribute, bytes, number) : INVALID_VALUE;
}

Status cublasLtMatmulPreferenceDestroy(void* preference) {
  free(preference);
  return 0;
}

Status cublasLtMatmulAlgoGetHeuristic(
    void* handle, Operation* operation, Layout* a, Layout* b, Layout* c, Layout* d,
    void* preference, int wanted, Heuristic* found, int* count) {
  if (!handle || !operation || !a || !b || c != d || !preference || wanted != 1) {
    return INVALID_VALUE;
  }
  found->algorithm[7] = MAGIC;
  found->workspaceBytes = USED_BYTES;
  *count = setting("STUB_HEURISTICS", 1);
  return call("cublasLtMatmulAlgoGetHeuristic");
}

Status cublasLtMatmul(
    void* handle, Operation* operation, const float* alpha, const void* a, Layout* layoutA,
    const void* b, Layout* layoutB, const float* beta, const void* c, Layout* layoutC, void* d,
    Layout* layoutD, const uint64_t* algorithm, void* workspace, size_t workspaceBytes,
    void* stream) {
  if (operation->transposeFirst != 1 || layoutA->type != layoutB->type || layoutC != layoutD ||
      c != d || algorithm[7] != MAGIC || !workspace || workspaceBytes != USED_BYTES ||
      layoutA->rows != layoutB->rows || layoutA->columns != layoutC->rows ||
      layoutB->columns != layoutC->columns) {
    return INVALID_VALUE;
  }
  call("cublasLtMatmul %p %p", handle, stream);
  multiply(
      layoutC->rows, layoutC->columns, layoutA->rows, *alpha, a, layoutA->stride, b,
      layoutB->stride, layoutA->type, *beta, c, d, layoutC->stride, layoutC->type,
      operation->epilogue, operation->bias);
  return setting("STUB_CUBLAS", 0);
}

#endif
