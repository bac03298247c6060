#include "server/tool_model.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "goldens.h"

namespace saccade::server {

namespace fs = std::filesystem;

void make_tool_model(const TemporaryDirectory& directory, const char* chat_template,
                     const RenamedTokens& renamed) {
  const fs::path from = goldens::root() / "qwen3" / "saved_f32";
  for (const auto& entry : fs::directory_iterator(from)) {
    if (entry.path().filename() == "chat_template.jinja") continue;
    fs::copy_file(entry.path(), directory.path() / entry.path().filename());
  }
  directory.write("chat_template.jinja", chat_template);
  if (renamed.empty()) return;
  std::ifstream file(from / "tokenizer.json");
  std::string tokenizer(std::istreambuf_iterator<char>(file), {});
  for (const auto& [old_text, new_text] : renamed) {
    const std::size_t at = tokenizer.find(old_text);
    if (at == std::string::npos) throw std::runtime_error("no token " + old_text);
    tokenizer.replace(at, old_text.size(), new_text);
  }
  directory.write("tokenizer.json", tokenizer);
}

}  // namespace saccade::server
