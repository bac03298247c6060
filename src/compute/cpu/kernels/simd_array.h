// The parts of F32x16 that an instruction set without masks and wide shuffles does lane by lane.
// Included inside the namespace of the instruction set, after F32x16, load and store.

/// The first n lanes from memory, zero in the others; 0 <= n <= 16.
inline F32x16 load_first(const float* p, int n) {
  float lanes[16] = {};
  for (int i = 0; i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}
inline void store_first(float* p, F32x16 x, int n) {
  float lanes[16];
  store(lanes, x);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}
/// The first n lanes of x, `other` in the rest.
inline F32x16 keep_first(F32x16 x, int n, F32x16 other) {
  float lanes[16];
  store(lanes, other);
  store_first(lanes, x, n);
  return load(lanes);
}
inline float reduce_add_tree(F32x16 x) {
  float lanes[16];
  store(lanes, x);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}
inline float reduce_max(F32x16 x) {
  float lanes[16];
  store(lanes, x);
  float largest = lanes[0];
  for (int i = 1; i < 16; ++i) largest = lanes[i] > largest ? lanes[i] : largest;
  return largest;
}
