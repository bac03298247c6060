// Whatever the settings of a model say, loading and asking it gives an answer or one clear line:
// no crash, no hang, no memory that a file can claim by writing a number.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "base/error.h"
#include "goldens.h"
#include "saccade/engine.h"
#include "temporary_directory.h"

namespace saccade {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// A case takes some milliseconds; sanitizers and busy machines take longer.
constexpr unsigned kMostSeconds = 60;
constexpr rlim_t kMostMemory = rlim_t{2} << 30;  // a twentieth of which is the program

/// What each key is set to, besides being left out.
const std::vector<json::value>& hostile_values() {
  constexpr std::int64_t kOne = 1;
  static const std::vector<json::value> kValues = {
      0,
      -1,
      1,
      3,
      7,
      kOne << 22,  // the largest that readers take for a size
      (kOne << 31) - 1,
      kOne << 40,
      -(kOne << 62),
      ~std::uint64_t{0},
      0.5,
      1e-300,
      1e300,
      -1e300,
      "x",
      "",
      true,
      nullptr,
      json::array{},
      json::array{0},
      json::array{-1, kOne << 40},
      json::object{},
  };
  return kValues;
}

/// A file of settings with one value in another's place.
struct Case {
  std::string file;
  std::string pointer;                 ///< RFC 6901
  const json::value* value = nullptr;  ///< null: the key is left out

  std::string text() const {
    return file + ": " + pointer + " = " + (value ? json::serialize(*value) : "(left out)");
  }
};

/// All pointers into a document; of long lists the first values.
void collect_pointers(const json::value& value, std::string prefix,
                      std::vector<std::string>& pointers) {
  constexpr std::size_t kMostItems = 3;
  if (const auto* object = value.if_object()) {
    for (const auto& [key, item] : *object) {
      if (key.find_first_of("~/") != key.npos) continue;
      pointers.push_back(prefix + "/" + std::string(key));
      collect_pointers(item, pointers.back(), pointers);
    }
  } else if (const auto* array = value.if_array()) {
    for (std::size_t i = 0; i < std::min(array->size(), kMostItems); ++i) {
      pointers.push_back(prefix + "/" + std::to_string(i));
      collect_pointers((*array)[i], pointers.back(), pointers);
    }
  }
}

json::value changed(json::value document, const Case& change) {
  const std::size_t slash = change.pointer.rfind('/');
  json::value& parent = document.at_pointer(change.pointer.substr(0, slash));
  const std::string key = change.pointer.substr(slash + 1);
  if (auto* object = parent.if_object()) {
    if (change.value) {
      (*object)[key] = *change.value;
    } else {
      object->erase(key);
    }
  } else {
    json::array& array = parent.get_array();
    if (change.value) {
      array[std::stoul(key)] = *change.value;
    } else {
      array.erase(array.begin() + std::stol(key));
    }
  }
  return document;
}

/// A golden checkpoint whose weights and vocabulary are links, and the cases for its settings.
class HostileModel {
 public:
  explicit HostileModel(const std::string& checkpoint) : source_(goldens::root() / checkpoint) {
    for (const auto& entry : fs::directory_iterator(source_)) {
      fs::create_symlink(entry.path(), directory_.path() / entry.path().filename());
    }
    request_ = goldens::greedy_request(
        read_json_file(source_ / "cases.json").as_array()[0].as_object(), 1);
  }

  /// For every key of every file of settings: the key left out, and each of values(number of the
  /// key).
  template <typename Values>
  std::vector<Case> cases(const Values& values) const {
    std::vector<Case> cases;
    std::size_t keys = 0;
    for (const char* file : {"config.json", "preprocessor_config.json", "processor_config.json",
                             "generation_config.json"}) {
      if (!fs::exists(source_ / file)) continue;
      std::vector<std::string> pointers;
      collect_pointers(read_json_file(source_ / file), "", pointers);
      for (const std::string& pointer : pointers) {
        cases.push_back({file, pointer});
        for (const json::value* value : values(keys)) cases.push_back({file, pointer, value});
        ++keys;
      }
    }
    return cases;
  }

  /// What is wrong with how the engine takes it, or nothing.
  std::string run(const Case& change) const {
    const json::value document = changed(read_json_file(source_ / change.file), change);
    fs::remove(directory_.path() / change.file);
    directory_.write(change.file, json::serialize(document));
    const std::string problem = ask();
    restore(change);
    return problem;
  }
  /// Undoes what is left of a case that ended its process.
  void restore(const Case& change) const {
    fs::remove(directory_.path() / change.file);
    fs::create_symlink(source_ / change.file, directory_.path() / change.file);
  }

 private:
  std::string ask() const {
    try {
      Engine engine = Engine::load(directory_.path().string(),
                                   {.device = "cpu", .threads = 1, .kv_memory_bytes = 8 << 20});
      engine.generate(request_);
    } catch (const Error& error) {
      std::string message = error.what();
      if (message.find('\n') != message.npos) {
        std::replace(message.begin(), message.end(), '\n', '|');
        return "an error of several lines: " + message;
      }
      if (message.size() > 2000) return "an error of " + std::to_string(message.size()) + " bytes";
    }
    return {};
  }

  fs::path source_;
  TemporaryDirectory directory_;
  Request request_;
};

std::string problem_of(const HostileModel& model, const Case& change) {
  try {
    return model.run(change);
  } catch (const std::exception& error) {
    return std::string("no saccade::Error: ") + error.what();
  }
}

/// Runs the cases from `first` on and writes a line for each: what is wrong, or nothing. Ends the
/// process: the other tests, and the directory, are its parent's.
[[noreturn]] void run_child(std::size_t first, const HostileModel& model,
                            const std::vector<Case>& cases, FILE* to) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which reserve much more
  const rlimit memory{kMostMemory, kMostMemory};
  ::setrlimit(RLIMIT_AS, &memory);
#endif
  for (std::size_t i = first; i < cases.size(); ++i) {
    ::alarm(kMostSeconds);
    std::fprintf(to, "%s\n", problem_of(model, cases[i]).c_str());
    std::fflush(to);
  }
  ::_exit(0);
}

/// Runs the cases from `first` on in a process of its own, which may die of one. Adds what is wrong
/// to `problems`; returns the case to go on with.
std::size_t run_from(std::size_t first, const HostileModel& model, const std::vector<Case>& cases,
                     std::vector<std::string>& problems) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    run_child(first, model, cases, ::fdopen(ends[1], "w"));
  }
  ::close(ends[1]);
  FILE* from = ::fdopen(ends[0], "r");
  std::size_t done = first;
  char line[4096];
  while (done < cases.size() && std::fgets(line, sizeof line, from)) {
    if (line[0] != '\n') problems.push_back(cases[done].text() + ": " + line);
    ++done;
  }
  std::fclose(from);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (done == cases.size()) return done;
  problems.push_back(cases[done].text() + ": ended by signal " +
                     std::to_string(WIFSIGNALED(status) ? WTERMSIG(status) : 0));
  model.restore(cases[done]);
  return done + 1;
}

class HostileConfig : public testing::TestWithParam<std::string> {
 protected:
  /// Holds the model against each key left out and `values(key)` in its place.
  template <typename Values>
  void sweep(const Values& values) {
    const HostileModel model(GetParam());
    const std::vector<Case> cases = model.cases(values);
    ASSERT_GT(cases.size(), 50u);
    std::vector<std::string> problems;
    for (std::size_t next = 0; next < cases.size();) {
      next = run_from(next, model, cases, problems);
    }
    for (const std::string& problem : problems) ADD_FAILURE() << problem;
  }
};

/// The first checkpoint of every family: a new one is held by naming it in goldens.h.
std::vector<std::string> one_checkpoint_each() {
  std::vector<std::string> names;
  for (std::string& name : goldens::all_checkpoints()) {
    const std::string family = name.substr(0, name.find('/') + 1);
    if (names.empty() || !names.back().starts_with(family)) names.push_back(std::move(name));
  }
  return names;
}

// Three values a key, others for its neighbours.
TEST_P(HostileConfig, IsTakenOrRefusedInOneLine) {
  sweep([](std::size_t key) {
    constexpr std::size_t kStride = 7;
    std::vector<const json::value*> some;
    for (std::size_t i = key % kStride; i < hostile_values().size(); i += kStride) {
      some.push_back(&hostile_values()[i]);
    }
    return some;
  });
}

INSTANTIATE_TEST_SUITE_P(Goldens, HostileConfig, testing::ValuesIn(one_checkpoint_each()),
                         [](const auto& info) { return goldens::test_name(info.param); });

// All values for all checkpoints, which takes minutes: for changes to the readers of settings.
//   models_test --gtest_also_run_disabled_tests --gtest_filter='*EveryHostileConfig*'
class EveryHostileConfig : public HostileConfig {};

TEST_P(EveryHostileConfig, DISABLED_IsTakenOrRefusedInOneLine) {
  sweep([](std::size_t) {
    std::vector<const json::value*> all;
    for (const json::value& value : hostile_values()) all.push_back(&value);
    return all;
  });
}

INSTANTIATE_TEST_SUITE_P(Goldens, EveryHostileConfig, testing::ValuesIn(goldens::all_checkpoints()),
                         [](const auto& info) { return goldens::test_name(info.param); });

}  // namespace
}  // namespace saccade
