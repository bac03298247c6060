#include "cli/chat.h"

#include <optional>
#include <utility>
#include <vector>

#include "cli/answerer.h"
#include "cli/chat_line.h"
#include "cli/cli.h"
#include "cli/conversation.h"
#include "cli/interrupt.h"
#include "cli/line_reader.h"
#include "cli/listener.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "saccade/error.h"

namespace saccade::cli {
namespace {

constexpr const char* kHelp =
    "/image FILE   show a picture with what you say next\n"
    "/system TEXT  give the model instructions; without TEXT: none\n"
    "/reset        forget the conversation and its pictures (also /clear)\n"
    "/help         this list\n"
    "/quit         end (also Ctrl-D)\n"
    "Ctrl-C stops an answer. A first space lets a line begin with /.\n";

class Chat {
 public:
  Chat(const PromptOptions& options, std::vector<ImageBytes> images)
      : request_(options.request), conversation_(options.system), listener_(true) {
    for (ImageBytes& image : images) conversation_.add_image(std::move(image));
    answerer_.emplace(options, listener_);
    listener_.finish(false);
  }

  void talk() {
    write_output("A picture: /image FILE. Help: /help. The end: Ctrl-D.\n");
    while (true) {
      write_output("> ");
      std::string line;
      const LineStatus status = reader_.read(line);
      clear_interrupt();
      if (status != LineStatus::kLine) write_output("\n");
      if (status == LineStatus::kEnd) return;
      if (status == LineStatus::kInterrupted) continue;
      try {
        if (!obey(parse_chat_line(line))) return;
      } catch (const Error& error) {
        write_error_line(error.what());
      }
    }
  }

 private:
  /// Returns false when the chat is over.
  bool obey(const ChatLine& line) {
    switch (line.kind) {
      case ChatLine::Kind::kNothing:
        break;
      case ChatLine::Kind::kSay:
        say(line.text);
        break;
      case ChatLine::Kind::kImage:
        show(line.text);
        break;
      case ChatLine::Kind::kSystem:
        conversation_.set_system(line.text);
        break;
      case ChatLine::Kind::kReset:
        conversation_.reset();
        break;
      case ChatLine::Kind::kHelp:
        write_output(kHelp);
        break;
      case ChatLine::Kind::kQuit:
        return false;
    }
    return true;
  }

  void show(const std::string& path) {
    if (path == "-") throw Error("/image -: standard input is the chat; give a file");
    conversation_.add_image(read_image(path));
  }

  /// A turn that fails or is stopped before its first word is forgotten, pictures and all: it would
  /// fail again with each turn that follows.
  void say(const std::string& text) {
    conversation_.ask(text);
    request_.messages = conversation_.messages();
    try {
      const Result result = answerer_->generate(request_, listener_);
      listener_.finish(result.finish_reason != FinishReason::kCancelled);
      if (result.finish_reason == FinishReason::kCancelled && result.text.empty()) {
        conversation_.take_back();
        write_output("\n");
      } else {
        conversation_.answer(result.text);
      }
    } catch (const Interrupted&) {
      conversation_.take_back();
      write_output("\n");
    } catch (const Error&) {
      conversation_.take_back();
      listener_.finish(false);
      throw;
    }
    clear_interrupt();
  }

  Request request_;
  Conversation conversation_;
  TerminalListener listener_;
  LineReader reader_;
  std::optional<Answerer> answerer_;
};

}  // namespace

int chat(const PromptOptions& options) {
  std::vector<ImageBytes> images = read_images(options.images);
  const InterruptScope interrupt_scope;
  Chat(options, std::move(images)).talk();
  return kSuccess;
}

}  // namespace saccade::cli
