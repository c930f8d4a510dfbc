/* Reads a model in a Hugging Face folder: config.json and model.safetensors, in plain C, to copy.
 *
 *     struct model model = model_open("folder");
 *     int width = (int)model_number(&model, "n_embd", -1);
 *     const float *table = model_tensor(&model, -1, "wte.weight", vocabulary, width);
 *     const float *gain = model_tensor(&model, 0, "ln_1.weight", 0, width);
 *
 * Tensors come as float32, row-major, widened exactly from float16 and bfloat16; they live as long as the program.
 * Whatever is missing or wrong ends the program with a sentence on standard error and the exit code 2.
 */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
  char *config;  /* the text of config.json */
  char *file;    /* model.safetensors: eight bytes of length, a header in JSON, the data */
  size_t header; /* the header's length */
  size_t data;   /* the data's length */
} model;

/* Ends the program: what is wrong, and of what. */
static void fail(const char *problem, const char *subject) {
  fprintf(stderr, "%s: %s\n", subject, problem);
  exit(2);
}

/* The bytes of a file, with a zero behind them. */
static char *read_file(const char *folder, const char *name, size_t *length) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0) fail("cannot be read", path);
  long size = ftell(file);
  rewind(file);
  char *bytes = size < 0 ? NULL : malloc((size_t)size + 1);
  if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size) fail("cannot be read", path);
  fclose(file);
  bytes[size] = 0;
  *length = (size_t)size;
  return bytes;
}

/* Where the value of a key begins in a JSON text, or NULL. Enough for config.json and headers of safetensors. */
static const char *json_value(const char *text, const char *key) {
  char quoted[256];
  size_t length = (size_t)snprintf(quoted, sizeof quoted, "\"%s\"", key);
  for (const char *at = strstr(text, quoted); at; at = strstr(at + 1, quoted)) {
    const char *value = at + length;
    value += strspn(value, " \t\r\n");
    if (*value == ':') return value + 1 + strspn(value + 1, " \t\r\n");
  }
  return NULL;
}

/* Reads both files of the folder. */
static void model_open(const char *folder) {
  size_t length;
  uint64_t header = 0;
  model.config = read_file(folder, "config.json", &length);
  model.file = read_file(folder, "model.safetensors", &length);
  if (length >= 8) memcpy(&header, model.file, 8); /* little-endian, as the machine */
  if (length < 8 || header > length - 8 || header == 0) fail("is no safetensors file", "model.safetensors");
  model.header = (size_t)header;
  model.data = length - 8 - model.header;
}

/* A number of config.json, true as 1 and false as 0; `otherwise` where it is absent or null. */
static double config_number(const char *key, double otherwise) {
  const char *value = json_value(model.config, key);
  if (!value || strncmp(value, "null", 4) == 0) return otherwise;
  if (strncmp(value, "true", 4) == 0) return 1;
  if (strncmp(value, "false", 5) == 0) return 0;
  return strtod(value, NULL);
}

/* Whether a field of config.json is this text; `otherwise` where it is absent or null. */
static int config_is(const char *key, const char *text, int otherwise) {
  const char *value = json_value(model.config, key);
  if (!value || *value != '"') return otherwise;
  size_t length = strlen(text);
  return strncmp(value + 1, text, length) == 0 && value[1 + length] == '"';
}

static float half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 31, fraction = half & 1023, bits;
  if (exponent == 0) { /* subnormal: fraction times 2^-24, exact */
    float value = (float)fraction * 5.9604644775390625e-8f;
    return sign ? -value : value;
  }
  bits = sign | (exponent == 31 ? 255u << 23 : (exponent + 112) << 23) | fraction << 13;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

/* A tensor by its Hugging Face name: `part` (weight or bias) of a module of a block, or of the model where layer is -1;
 * a matrix [rows, columns], or a vector [columns] where rows is 0. */
static const float *weight(int layer, const char *module, const char *part, size_t rows, size_t columns) {
  char *header = malloc(model.header + 1), full[256], *name = full + strlen("transformer.");
  memcpy(header, model.file + 8, model.header);
  header[model.header] = 0;
  if (layer < 0) snprintf(full, sizeof full, "transformer.%s.%s", module, part);
  else snprintf(full, sizeof full, "transformer.h.%d.%s.%s", layer, module, part);
  const char *entry = json_value(header, full);
  if (!entry) entry = json_value(header, name);
  if (!entry) fail("is not in model.safetensors", name);
  const char *type = json_value(entry, "dtype"), *extents = json_value(entry, "shape");
  const char *offsets = json_value(entry, "data_offsets");
  if (!type || !extents || !offsets) fail("has no type, shape or place", name);
  char *next = (char *)extents; /* strtoull moves on: over '[' before the first extent, over ',' before the second */
  size_t count = columns;
  if (rows) count *= rows;
  if ((rows && strtoull(next + 1, &next, 10) != rows) || strtoull(next + 1, &next, 10) != columns ||
      next[strspn(next, " ")] != ']')
    fail("has another shape than config.json says", name);
  size_t first = strtoull(offsets + 1, &next, 10), last = strtoull(next + 1, NULL, 10);
  size_t size = strncmp(type, "\"F32\"", 5) == 0 ? 4 : 2;
  int is_bfloat16 = strncmp(type, "\"BF16\"", 6) == 0;
  if (size == 2 && !is_bfloat16 && strncmp(type, "\"F16\"", 5) != 0) fail("is neither F32, F16 nor BF16", name);
  if (last > model.data || first > last || last - first != count * size) fail("lies outside the file", name);
  float *values = malloc(count * sizeof(float) + 1);
  const char *bytes = model.file + 8 + model.header + first;
  for (size_t i = 0; i < count; i++) {
    uint16_t half = 0;
    uint32_t word;
    if (size == 4) {
      memcpy(&values[i], bytes + 4 * i, 4);
      continue;
    }
    memcpy(&half, bytes + 2 * i, 2);
    word = (uint32_t)half << 16;
    if (is_bfloat16) memcpy(&values[i], &word, 4);
    else values[i] = half_to_float(half);
  }
  free(header);
  return values;
}

#endif
