// The smallest program on Saccade's API: describes a picture.
//
//   build/release/bin/describe_example MODEL PICTURE
#include <cstdio>

#include "saccade/engine.h"

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL PICTURE\n", argv[0]);
    return 2;
  }
  saccade::Engine engine = saccade::Engine::load(argv[1]);
  saccade::Request request;
  request.messages = {{"user", {saccade::read_image(argv[2]), "Describe this picture."}}};
  const saccade::Result result = engine.generate(request);
  std::printf("%s\n(%.0f ms to the first token)\n", result.text.c_str(), result.timings.ttft_ms);
  return 0;
} catch (const saccade::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
