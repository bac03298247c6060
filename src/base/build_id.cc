#include "base/build_id.h"

#include <fmt/format.h>

#ifdef __linux__
#include <elf.h>
#include <link.h>

#include <cstring>
#endif

namespace saccade {

#ifdef __linux__
namespace {

/// The build id in a list of notes (elf(5)), or an empty text.
std::string find_build_id(const char* notes, std::size_t size) {
  constexpr std::size_t kAlignment = 4;
  const auto aligned = [](std::size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof(note));
    const std::size_t total = sizeof(note) + aligned(note.n_namesz) + aligned(note.n_descsz);
    if (total > size) break;
    const char* name = notes + sizeof(note);
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
      const char* bytes = name + aligned(note.n_namesz);
      std::string text;
      for (std::size_t i = 0; i < note.n_descsz; ++i) {
        text += fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
      }
      return text;
    }
    notes += total;
    size -= total;
  }
  return {};
}

/// For dl_iterate_phdr(3), which begins with the program itself.
int read_notes(dl_phdr_info* info, std::size_t, void* found) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const auto* notes = reinterpret_cast<const char*>(info->dlpi_addr + header.p_vaddr);
    auto& text = *static_cast<std::string*>(found);
    text = find_build_id(notes, header.p_memsz);
    if (!text.empty()) break;
  }
  return 1;
}

}  // namespace

std::string build_id() {
  std::string text;
  dl_iterate_phdr(read_notes, &text);
  return text;
}
#else
std::string build_id() {
  return {};
}
#endif

}  // namespace saccade
