// What a chat remembers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "saccade/request.h"

namespace saccade::cli {

/// Turns so far, and the pictures that wait for the next one.
class Conversation {
 public:
  explicit Conversation(std::optional<std::string> system) : system_(std::move(system)) {}

  /// Replaces the instructions before everything else; none when empty.
  void set_system(const std::string& text);
  void add_image(ImageBytes image) { waiting_.push_back(std::move(image)); }
  /// Forgets turns and pictures; the instructions stay.
  void reset();

  /// Begins a turn with the waiting pictures and the text.
  void ask(const std::string& text);
  /// Ends it with the model's words.
  void answer(const std::string& text);
  /// Forgets the turn that was begun, with its pictures.
  void take_back();

  /// All of it, as a request wants it.
  std::vector<Message> messages() const;

 private:
  std::optional<std::string> system_;
  std::vector<Message> turns_;
  std::vector<ImageBytes> waiting_;
};

}  // namespace saccade::cli
