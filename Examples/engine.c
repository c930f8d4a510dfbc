/* A GPT-2 in plain C, put through Touchstone: an example to copy, complete.
 *
 *     cc -O2 -o engine engine.c $(pkg-config --cflags --libs hdf5) -lm
 *     touchstone verify golden --exec "./engine {model} {golden} {capture}"
 *
 * It reads the golden's inputs, computes in float32 and writes every activation under the names of Docs/Format.md.
 * Exit code 0: written. 2: bad input. 77: this engine does not offer what the model asks for.
 */
#include <hdf5.h>
#include <math.h>

#include "safetensors.h"

static hid_t capture;
static size_t T, D, H, F, V; /* tokens, width, heads, feed-forward width, vocabulary */

static float *numbers(size_t count) { return calloc(count + 1, sizeof(float)); }

static void save(const float *values, int layer, const char *name, int rank, hsize_t a, hsize_t b, hsize_t c) {
  char path[64];
  if (layer < 0) snprintf(path, sizeof path, "%s", name);
  else snprintf(path, sizeof path, "layers/%03d/%s", layer, name);
  hid_t space = H5Screate_simple(rank, (hsize_t[]){a, b, c}, NULL), link = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(link, 1);
  hid_t data = H5Dcreate2(capture, path, H5T_NATIVE_FLOAT, space, link, H5P_DEFAULT, H5P_DEFAULT);
  if (data < 0 || H5Dwrite(data, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    fail("cannot be written", path);
  H5Dclose(data), H5Pclose(link), H5Sclose(space);
}

static void save_rows(const float *x, int layer, const char *name, size_t n) { save(x, layer, name, 2, T, n, 0); }

static void save_text(hid_t place, const char *name, const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, strlen(text));
  hid_t attribute = H5Acreate2(place, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0 || H5Awrite(attribute, type, text) < 0) fail("cannot be written", name);
  H5Aclose(attribute), H5Sclose(space), H5Tclose(type);
}

/* The integers of inputs/NAME, or NULL where the golden has none; their number is T after the first. */
static int *read_inputs(hid_t golden, const char *name) {
  if (H5Lexists(golden, name, H5P_DEFAULT) <= 0) return NULL;
  hid_t data = H5Dopen2(golden, name, H5P_DEFAULT), space = H5Dget_space(data);
  T = (size_t)H5Sget_simple_extent_npoints(space);
  int *values = malloc(T * sizeof(int) + 1);
  if (H5Dread(data, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) fail("cannot be read", name);
  H5Sclose(space), H5Dclose(data);
  return values;
}

static float *layer_norm(const float *x, const char *module, int layer) {
  const float *gain = weight(layer, module, "weight", 0, D), *bias = weight(layer, module, "bias", 0, D);
  float *y = numbers(T * D), epsilon = (float)config_number("layer_norm_epsilon", 1e-5);
  for (size_t t = 0; t < T; t++, x += D) {
    float mean = 0, variance = 0;
    for (size_t i = 0; i < D; i++) mean += x[i];
    mean /= (float)D;
    for (size_t i = 0; i < D; i++) variance += (x[i] - mean) * (x[i] - mean);
    float scale = 1 / sqrtf(variance / (float)D + epsilon);
    for (size_t i = 0; i < D; i++) y[t * D + i] = (x[i] - mean) * scale * gain[i] + bias[i];
  }
  return y;
}

/* x [T, in] times the module's weight [in, out], plus its bias. */
static float *linear(const float *x, const char *module, int layer, size_t in, size_t out) {
  const float *w = weight(layer, module, "weight", in, out), *b = weight(layer, module, "bias", 0, out);
  float *y = numbers(T * out);
  for (size_t t = 0; t < T; t++) {
    for (size_t i = 0; i < in; i++)
      for (size_t o = 0; o < out; o++) y[t * out + o] += x[t * in + i] * w[i * out + o];
    for (size_t o = 0; o < out; o++) y[t * out + o] += b[o];
  }
  return y;
}

static float *add(const float *a, const float *b) {
  float *sum = numbers(T * D);
  for (size_t i = 0; i < T * D; i++) sum[i] = a[i] + b[i];
  return sum;
}

/* The nonlinearities by which `activation_function` is honoured; another one is not offered. */
static float gelu_tanh(float x) { return 0.5f * x * (1 + tanhf(0.7978845608f * (x + 0.044715f * x * x * x))); }
static float gelu_erf(float x) { return 0.5f * x * (1 + erff(x * 0.7071067812f)); }
static float relu(float x) { return x > 0 ? x : 0; }

/* y = softmax(x), where masked scores are -infinity; a row without any key stays 0. */
static void softmax(const float *x, float *y, size_t count) {
  float greatest = -INFINITY, sum = 0;
  for (size_t i = 0; i < count; i++) greatest = fmaxf(greatest, x[i]);
  for (size_t i = 0; i < count; i++) sum += y[i] = isinf(greatest) ? 0 : expf(x[i] - greatest);
  for (size_t i = 0; i < count && sum > 0; i++) y[i] /= sum;
}

/* Heads of the fused projection qkv [T, 3 D] to the context [T, D]; saves q, k, v, scores and probabilities. */
static float *attention(const float *qkv, const int *mask, int layer) {
  size_t d = D / H;
  float *heads = numbers(3 * T * D), *scores = numbers(H * T * T), *probabilities = numbers(H * T * T);
  for (size_t part = 0; part < 3; part++)
    for (size_t h = 0; h < H; h++)
      for (size_t t = 0; t < T; t++)
        memcpy(&heads[((part * H + h) * T + t) * d], &qkv[t * 3 * D + part * D + h * d], d * sizeof(float));
  float *q = heads, *k = heads + T * D, *v = heads + 2 * T * D, *context = numbers(T * D);
  float scale = config_number("scale_attn_weights", 1) ? 1 / sqrtf((float)d) : 1;
  if (config_number("scale_attn_by_inverse_layer_idx", 0)) scale /= (float)(layer + 1);
  for (size_t h = 0; h < H; h++)
    for (size_t i = 0; i < T; i++) {
      float *row = &scores[(h * T + i) * T], *weights = &probabilities[(h * T + i) * T];
      for (size_t j = 0; j < T; j++) {
        for (size_t c = 0; c < d; c++) row[j] += q[(h * T + i) * d + c] * k[(h * T + j) * d + c];
        row[j] = j > i || (mask && !mask[j]) ? -INFINITY : row[j] * scale;
      }
      softmax(row, weights, T);
      for (size_t j = 0; j < T; j++)
        for (size_t c = 0; c < d; c++) context[i * D + h * d + c] += weights[j] * v[(h * T + j) * d + c];
    }
  const char *names[] = {"q", "k", "v"};
  for (size_t part = 0; part < 3; part++) save(&heads[part * T * D], layer, names[part], 3, H, T, d);
  save(scores, layer, "attn_scores", 3, H, T, T), save(probabilities, layer, "attn_probs", 3, H, T, T);
  save_rows(context, layer, "attn_context", D);
  free(heads), free(scores), free(probabilities);
  return context;
}

int main(int count, char **arguments) {
  if (count != 4) fail("say MODEL GOLDEN CAPTURE", arguments[0]);
  model_open(arguments[1]);
  hid_t golden = H5Fopen(arguments[2], H5F_ACC_RDONLY, H5P_DEFAULT);
  if (golden < 0) fail("cannot be read", arguments[2]);
  if (!config_is("model_type", "gpt2", 1)) return fputs("not supported: this model_type\n", stderr), 77;
  int *tokens = read_inputs(golden, "inputs/token_ids"), *positions = read_inputs(golden, "inputs/position_ids");
  int *mask = read_inputs(golden, "inputs/attention_mask");
  if (!tokens || !positions) fail("has no inputs", arguments[2]);
  D = (size_t)config_number("n_embd", 0), H = (size_t)config_number("n_head", 0);
  F = (size_t)config_number("n_inner", 4.0 * (double)D), V = (size_t)config_number("vocab_size", 0);
  size_t context = (size_t)config_number("n_positions", 0), layers = (size_t)config_number("n_layer", 0);
  float (*activation)(float) = config_is("activation_function", "gelu_new", 1) ? gelu_tanh
                               : config_is("activation_function", "gelu", 0)   ? gelu_erf
                               : config_is("activation_function", "relu", 0)   ? relu : NULL;
  if (!activation) return fputs("not supported: this activation_function\n", stderr), 77;
  if (!D || !H || !V || D % H) fail("names no sizes of a GPT-2", "config.json");

  /* Whole or absent: written under another name, and renamed when complete. */
  char partial[4096];
  snprintf(partial, sizeof partial, "%s.partial", arguments[3]);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
  capture = H5Fcreate(partial, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  if (capture < 0) fail("cannot be written", partial);
  const char *texts[][2] = {{"format", "touchstone"}, {"format_version", "1.0"}, {"kind", "capture"}};
  for (int i = 0; i < 3; i++) save_text(capture, texts[i][0], texts[i][1]);
  for (int i = 0; i < 2; i++) /* the configuration and the inputs are the golden's */
    H5Ocopy(golden, i ? "inputs" : "model", capture, i ? "inputs" : "model", H5P_DEFAULT, H5P_DEFAULT);
  hid_t provenance = H5Gcreate2(capture, "provenance", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  save_text(provenance, "producer", "engine.c"), save_text(provenance, "precision", "float32");
  const float *table = weight(-1, "wte", "weight", V, D), *places = weight(-1, "wpe", "weight", context, D);
  float *token = numbers(T * D), *position = numbers(T * D);
  for (size_t t = 0; t < T; t++) {
    if (tokens[t] < 0 || (size_t)tokens[t] >= V || positions[t] < 0 || (size_t)positions[t] >= context)
      fail("has a token or position outside the model's tables", arguments[2]);
    memcpy(&token[t * D], &table[(size_t)tokens[t] * D], D * sizeof(float));
    memcpy(&position[t * D], &places[(size_t)positions[t] * D], D * sizeof(float));
  }
  float *x = add(token, position);
  save_rows(token, -1, "embed/token", D), save_rows(position, -1, "embed/position", D);
  save_rows(x, -1, "embed/sum", D);
  for (int l = 0; l < (int)layers; l++) { /* what a layer allocates is left to the end of the program */
    save_rows(x, l, "resid_in", D);
    float *norm = layer_norm(x, "ln_1", l);
    float *heads = attention(linear(norm, "attn.c_attn", l, D, 3 * D), mask, l);
    float *out = linear(heads, "attn.c_proj", l, D, D);
    x = add(x, out);
    save_rows(norm, l, "ln_1", D), save_rows(out, l, "attn_out", D), save_rows(x, l, "resid_mid", D);
    norm = layer_norm(x, "ln_2", l);
    float *inner = linear(norm, "mlp.c_fc", l, D, F);
    save_rows(norm, l, "ln_2", D), save_rows(inner, l, "mlp_pre", F);
    for (size_t i = 0; i < T * F; i++) inner[i] = activation(inner[i]);
    out = linear(inner, "mlp.c_proj", l, F, D);
    x = add(x, out);
    save_rows(inner, l, "mlp_act", F), save_rows(out, l, "mlp_out", D), save_rows(x, l, "resid_out", D);
  }
  float *last = layer_norm(x, "ln_f", -1);
  if (!config_number("tie_word_embeddings", 1)) table = weight(-1, "lm_head", "weight", V, D);
  float *logits = numbers(T * V), *probabilities = numbers(T * V);
  for (size_t t = 0; t < T; t++) {
    for (size_t w = 0; w < V; w++)
      for (size_t i = 0; i < D; i++) logits[t * V + w] += last[t * D + i] * table[w * D + i];
    softmax(&logits[t * V], &probabilities[t * V], V);
  }
  save_rows(last, -1, "final/ln_f", D);
  save_rows(logits, -1, "final/logits", V), save_rows(probabilities, -1, "final/probs", V);
  hid_t one = H5Screate(H5S_SCALAR); /* last: without `complete` the file is refused */
  hid_t complete = H5Acreate2(capture, "complete", H5T_NATIVE_UCHAR, one, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(complete, H5T_NATIVE_UCHAR, "\1");
  H5Aclose(complete), H5Sclose(one), H5Gclose(provenance), H5Pclose(access), H5Fclose(golden);
  if (H5Fclose(capture) < 0 || rename(partial, arguments[3]) != 0) fail("cannot be written", arguments[3]);
  return 0;
}
