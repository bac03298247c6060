#include "photos/database.h"

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "temporary_directory.h"

namespace saccade::photos {
namespace {

TEST(Database, SeveralMayMakeItAtOnce) {
  // Each as a program of its own would. Without waiting one round in five fails.
  constexpr int kPrograms = 4;
  const TemporaryDirectory folder;
  for (int round = 0; round < 40; ++round) {
    const std::string path = folder.file(std::to_string(round));
    std::atomic<int> ready = 0;
    std::vector<std::string> wrongs(kPrograms);
    std::vector<std::thread> programs;
    for (std::string& wrong : wrongs) {
      programs.emplace_back([&] {
        ++ready;
        while (ready < kPrograms) std::this_thread::yield();
        try {
          const Database database(path);
        } catch (const std::exception& error) {
          wrong = error.what();
        }
      });
    }
    for (std::thread& program : programs) program.join();
    for (const std::string& wrong : wrongs) ASSERT_EQ(wrong, "");
  }
}

}  // namespace
}  // namespace saccade::photos
