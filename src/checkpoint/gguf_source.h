// GGUF files, as the Hugging Face checkpoints they were made from.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/gguf.h"
#include "checkpoint/gguf_names.h"
#include "checkpoint/source.h"

namespace saccade::checkpoint {

/// A language model with, perhaps, the mmproj file that holds its vision tower.
class GgufSource : public Source {
 public:
  /// Throws Error when a file is damaged, of an architecture or projector that is not known, or the
  /// mmproj belongs to another model.
  GgufSource(const std::filesystem::path& model,
             const std::optional<std::filesystem::path>& mmproj);

  std::string where() const override { return model_.path().string(); }
  std::string where(const std::string& file) const override;
  std::optional<std::string> text(const std::string& file) const override;
  std::optional<boost::json::value> json(const std::string& file) const override;
  std::vector<std::filesystem::path> files() const override;
  const std::map<std::string, TensorInfo, std::less<>>& tensors() const override {
    return tensors_;
  }
  std::vector<HostMatrix> matrix(const std::string& name) const override;
  void release(const std::string& name) const override;

 private:
  /// A stored tensor that is a tensor of the Hugging Face checkpoint, or a part of one.
  struct Piece {
    const GgufFile* file;
    std::string name;
    GgufChange change;
  };
  void add_tensors(const GgufFile& file, const GgufNames& names);
  void add_piece(const std::string& hugging_face, Piece piece);
  void check_parts() const;
  HostMatrix open(const Piece& piece) const;
  std::int64_t rotary_heads(const Piece& piece) const;

  GgufFile model_;
  std::optional<GgufFile> mmproj_;
  std::map<std::string, boost::json::value> files_;
  std::map<std::string, std::vector<Piece>, std::less<>> pieces_;
  std::map<std::string, TensorInfo, std::less<>> tensors_;
};

/// The mmproj file that lies beside a model's file and fits it, if there is one.
std::optional<std::filesystem::path> find_mmproj(const std::filesystem::path& model);

}  // namespace saccade::checkpoint
