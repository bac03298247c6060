// Draws scenes straight into normalized vision patches: one thread per pixel of every 14x14 patch.
// Compiles with NVRTC (training) and, with GLANCE_HOST defined, with a host compiler (tests).
#ifdef GLANCE_HOST
#include <cmath>
#include <cstdint>
#define DEVICE static
using std::floor;
#else
#define DEVICE __device__ __forceinline__
typedef unsigned int uint32_t;
typedef unsigned char uint8_t;
#endif

constexpr int kImageFloats = 20;
constexpr int kLayerFloats = 20;
constexpr int kSpriteWidth = 136;
constexpr int kSpriteHeight = 128;
constexpr int kLevels = 4;

struct Color {
  float r, g, b, a;  // premultiplied, 0..1
};

DEVICE float hash01(uint32_t x, uint32_t y, uint32_t seed) {
  uint32_t h = x * 374761393u + y * 668265263u + seed * 2246822519u;
  h = (h ^ (h >> 13)) * 1274126177u;
  h ^= h >> 16;
  return (h & 0xFFFFFFu) * (1.0f / 16777216.0f);
}

DEVICE float value_noise(float x, float y, uint32_t seed) {
  float fx = floorf(x), fy = floorf(y);
  uint32_t ix = (uint32_t)(int)fx, iy = (uint32_t)(int)fy;
  float tx = x - fx, ty = y - fy;
  tx = tx * tx * (3 - 2 * tx);
  ty = ty * ty * (3 - 2 * ty);
  float top = hash01(ix, iy, seed) * (1 - tx) + hash01(ix + 1, iy, seed) * tx;
  float low = hash01(ix, iy + 1, seed) * (1 - tx) + hash01(ix + 1, iy + 1, seed) * tx;
  return top * (1 - ty) + low * ty;
}

// How much of the second colour the background has at (x, y); `image` as in compose_gpu.image_row.
DEVICE float background_mix(const float* image, float x, float y) {
  float width = image[0], height = image[1], cosine = image[9], sine = image[10],
        period = image[11];
  uint32_t seed = (uint32_t)image[12];
  int kind = (int)image[2];
  if (kind == 1) {
    float reach = fabsf(width * cosine) + fabsf(height * sine);
    return fminf(1.f,
                 fmaxf(0.f, 0.5f + ((x - width / 2) * cosine + (y - height / 2) * sine) / reach));
  }
  if (kind == 2) return ((int)floorf((x * cosine + y * sine) / period) & 1) ? 1.f : 0.f;
  if (kind == 3) return (((int)floorf(x / period) + (int)floorf(y / period)) & 1) ? 1.f : 0.f;
  if (kind == 4) return hash01((uint32_t)(int)(x / 2), (uint32_t)(int)(y / 2), seed);
  if (kind == 5) {
    float scale = 1.0f / (period * 1.5f), sum = 0, weight = 0.5f;
    for (int octave = 0; octave < 3; ++octave) {
      sum += weight * value_noise(x * scale, y * scale, seed + octave);
      scale *= 2;
      weight *= 0.5f;
    }
    return sum / 0.875f;
  }
  return 0.f;
}

DEVICE Color texel(const uint8_t* source, bool is_mask, int width, int height, int x, int y) {
  if (x < 0 || y < 0 || x >= width || y >= height) return {0, 0, 0, 0};
  if (is_mask) {
    float ink = source[y * width + x] * (1 / 255.f);
    return {ink, ink, ink, ink};
  }
  const uint8_t* p = source + 4 * (y * width + x);
  return {p[0] * (1 / 255.f), p[1] * (1 / 255.f), p[2] * (1 / 255.f), p[3] * (1 / 255.f)};
}

DEVICE Color bilinear(const uint8_t* source, bool is_mask, int width, int height, float u,
                      float v) {
  float fu = floorf(u - 0.5f), fv = floorf(v - 0.5f), tu = u - 0.5f - fu, tv = v - 0.5f - fv;
  int x = (int)fu, y = (int)fv;
  if (x < -1 || y < -1 || x >= width || y >= height) return {0, 0, 0, 0};
  Color a = texel(source, is_mask, width, height, x, y),
        b = texel(source, is_mask, width, height, x + 1, y);
  Color c = texel(source, is_mask, width, height, x, y + 1),
        d = texel(source, is_mask, width, height, x + 1, y + 1);
  float wa = (1 - tu) * (1 - tv), wb = tu * (1 - tv), wc = (1 - tu) * tv, wd = tu * tv;
  return {a.r * wa + b.r * wb + c.r * wc + d.r * wd, a.g * wa + b.g * wb + c.g * wc + d.g * wd,
          a.b * wa + b.b * wb + c.b * wc + d.b * wd, a.a * wa + b.a * wb + c.a * wc + d.a * wd};
}

// One layer's premultiplied colour at pixel position (x, y); `layer` as in compose_gpu.layer_row.
DEVICE Color shade(const float* layer, const uint8_t* sprites, const uint8_t* masks, float x,
                   float y) {
  float u = layer[0] * x + layer[1] * y + layer[2], v = layer[3] * x + layer[4] * y + layer[5];
  bool is_mask = layer[7] > 0.5f;
  int width = (int)layer[9], height = (int)layer[10];
  const uint8_t* source;
  if (is_mask) {
    source = masks + (long long)layer[8];
  } else {
    int level = (int)layer[6];
    source = sprites + (long long)layer[8];
    width = kSpriteWidth >> level;
    height = kSpriteHeight >> level;
    u *= 1.0f / (1 << level);
    v *= 1.0f / (1 << level);
  }
  Color color = bilinear(source, is_mask, width, height, u, v);
  int mode = (int)layer[14];
  if (mode == 1) {
    color.r = layer[11] * color.a;
    color.g = layer[12] * color.a;
    color.b = layer[13] * color.a;
  } else if (mode == 2) {
    float light = 0.3f * color.r + 0.59f * color.g + 0.11f * color.b;  // premultiplied luminance
    float scale = 0.62f * color.a + 0.38f * light;
    color.r = layer[11] * scale;
    color.g = layer[12] * scale;
    color.b = layer[13] * scale;
  }
  float alpha = layer[15];
  return {color.r * alpha, color.g * alpha, color.b * alpha, color.a * alpha};
}

DEVICE void pixel(const float* image, const float* layers, const uint8_t* sprites,
                  const uint8_t* masks, int px, int py, float* rgb) {
  int first = (int)image[17], last = (int)image[18];
  float spread = 0.25f * image[13];
  float sum[3] = {0, 0, 0};
  float samples[4][3];
  for (int s = 0; s < 4; ++s) {
    float x = px + 0.5f + ((s & 1) ? spread : -spread),
          y = py + 0.5f + ((s & 2) ? spread : -spread);
    float mix = background_mix(image, x, y);
    for (int c = 0; c < 3; ++c) samples[s][c] = image[3 + c] * (1 - mix) + image[6 + c] * mix;
  }
  for (int i = first; i < last; ++i) {
    const float* layer = layers + i * kLayerFloats;
    if (px + 2 < layer[16] || py + 2 < layer[17] || px - 1 > layer[18] || py - 1 > layer[19])
      continue;
    for (int s = 0; s < 4; ++s) {
      float x = px + 0.5f + ((s & 1) ? spread : -spread),
            y = py + 0.5f + ((s & 2) ? spread : -spread);
      Color over = shade(layer, sprites, masks, x, y);
      float keep = 1 - over.a;
      samples[s][0] = samples[s][0] * keep + over.r;
      samples[s][1] = samples[s][1] * keep + over.g;
      samples[s][2] = samples[s][2] * keep + over.b;
    }
  }
  uint32_t seed = (uint32_t)image[12];
  for (int c = 0; c < 3; ++c) {
    for (int s = 0; s < 4; ++s) sum[c] += samples[s][c];
    float noise = hash01(px, py, seed + 11 + c) + hash01(px, py, seed + 21 + c) +
                  hash01(px, py, seed + 31 + c) - 1.5f;
    float value = sum[c] * 0.25f * 255.f * image[15] + image[16] + noise * 2.f * image[14];
    rgb[c] = rintf(fminf(255.f, fmaxf(0.f, value)));
  }
}

#ifndef GLANCE_HOST
#include <cuda_bf16.h>
// patches: bf16 [num_patches, 3, 14, 14]; place: int [num_patches, 3] = image, y, x of the patch's
// corner (image -1: blank)
extern "C" __global__ void compose(const float* images, const float* layers, const uint8_t* sprites,
                                   const uint8_t* masks, const int* place, __nv_bfloat16* patches,
                                   int num_patches) {
  long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= (long long)num_patches * 196) return;
  int patch = (int)(index / 196), within = (int)(index % 196);
  int image = place[3 * patch];
  float rgb[3] = {0, 0, 0};
  const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f},
              std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
  if (image >= 0)
    pixel(images + image * kImageFloats, layers, sprites, masks, place[3 * patch + 2] + within % 14,
          place[3 * patch + 1] + within / 14, rgb);
  for (int c = 0; c < 3; ++c)
    patches[(long long)patch * 588 + c * 196 + within] =
        __float2bfloat16((rgb[c] * (1 / 255.f) - mean[c]) / std[c]);
}
#endif
