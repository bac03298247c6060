// Writing a GGUF file, and its mmproj beside it.
#include "base/error.h"
#include "convert/job.h"

namespace saccade::conversion {

void write_gguf_files(const Job& job) {
  fail("{}: GGUF files are not written yet", job.destination.string());
}

}  // namespace saccade::conversion
