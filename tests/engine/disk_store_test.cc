// Entries on a disk: found again, bounded, and never believed when they are damaged.
#include "engine/disk_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <random>
#include <thread>

#include "base/error.h"
#include "temporary_directory.h"

namespace saccade::engine {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string name_of(int number) {
  return fmt::format("{:064x}", 0xabcdef00 + number);
}

std::vector<std::byte> bytes_of(int number, std::size_t count = 1000) {
  std::mt19937 random(static_cast<unsigned>(number));
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

class DiskStoreTest : public testing::Test {
 protected:
  DiskStore open(std::int64_t budget = 1 << 20) {
    return {directory_, budget, [this](const std::string& text) { warnings_.push_back(text); }};
  }
  fs::path file_of(int number) const {
    return directory_ / name_of(number).substr(0, 2) / name_of(number);
  }

  TemporaryDirectory temporary_;
  fs::path directory_ = temporary_.path() / "cache";
  std::vector<std::string> warnings_;
};

TEST_F(DiskStoreTest, FindsWhatWasWrittenAlsoAfterARestart) {
  {
    DiskStore store = open();
    EXPECT_FALSE(store.read(name_of(1)));
    EXPECT_TRUE(store.write(name_of(1), bytes_of(1)));
    EXPECT_FALSE(store.write(name_of(1), bytes_of(1)));  // it is there
    EXPECT_EQ(store.read(name_of(1)), bytes_of(1));
    EXPECT_EQ(store.size(name_of(1)), 1000);
  }
  DiskStore store = open();
  EXPECT_EQ(store.read(name_of(1)), bytes_of(1));
  EXPECT_EQ(store.entries(), 1);
  EXPECT_FALSE(store.has(name_of(2)));
  EXPECT_TRUE(warnings_.empty());
  EXPECT_EQ(fs::status(directory_).permissions(), fs::perms::owner_all);
}

TEST_F(DiskStoreTest, DoesNotBelieveWhatIsDamaged) {
  DiskStore store = open();
  const std::vector<std::byte> good = bytes_of(1);
  store.write(name_of(2), bytes_of(2));
  const auto size = fs::file_size(file_of(2));
  int number = 0;
  const auto expect_rejected = [&](const auto& damage) {
    SCOPED_TRACE(++number);
    store.write(name_of(1), good);
    damage();
    warnings_.clear();
    EXPECT_FALSE(store.read(name_of(1)));
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_THAT(warnings_[0], HasSubstr(name_of(1)));
    EXPECT_EQ(store.rejected(), number);
  };
  for (const std::size_t left : {std::size_t{0}, std::size_t{7}, size / 2, size - 1}) {
    expect_rejected([&] { fs::resize_file(file_of(1), left); });
  }
  expect_rejected([&] { fs::resize_file(file_of(1), size + 1); });
  for (const std::size_t at : {std::size_t{0}, std::size_t{9}, std::size_t{20}, size - 1}) {
    expect_rejected([&] {
      std::fstream file(file_of(1), std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(at));
      const char old = static_cast<char>(file.get());
      file.seekp(static_cast<std::streamoff>(at));
      file.put(static_cast<char>(old ^ 1));
    });
  }
  // Whole, but another one's.
  expect_rejected(
      [&] { fs::copy_file(file_of(2), file_of(1), fs::copy_options::overwrite_existing); });
  store.write(name_of(1), good);
  EXPECT_EQ(store.read(name_of(1)), good);
}

TEST_F(DiskStoreTest, LeavesOthersFilesAlone) {
  fs::create_directories(directory_);
  std::ofstream(directory_ / "holiday.jpg") << "not ours";
  {
    DiskStore store = open();
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_THAT(warnings_[0], HasSubstr("holiday.jpg"));
    store.write(name_of(1), bytes_of(1));
    store.clear();
    EXPECT_EQ(store.entries(), 0);
    EXPECT_FALSE(store.has(name_of(1)));
  }
  EXPECT_TRUE(fs::exists(directory_ / "holiday.jpg"));
}

TEST_F(DiskStoreTest, KeepsToItsBudget) {
  constexpr std::int64_t kBudget = 20000;
  DiskStore store = open(kBudget);
  store.write(name_of(0), bytes_of(0));
  for (int i = 1; i < 100; ++i) {
    // Times of files are those of the kernel's clock, which ticks every few milliseconds.
    if (i % 4 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    store.write(name_of(i), bytes_of(i));
    EXPECT_TRUE(store.read(name_of(0))) << i;  // used again and again
    std::int64_t total = 0;
    for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
      if (entry.is_regular_file()) total += static_cast<std::int64_t>(entry.file_size());
    }
    EXPECT_LE(total, kBudget);
    EXPECT_EQ(total, store.bytes());
  }
  EXPECT_GT(store.evictions(), 50);
  EXPECT_TRUE(store.has(name_of(99)));
  EXPECT_FALSE(store.has(name_of(1)));
  EXPECT_FALSE(store.write(name_of(200), bytes_of(200, 2 * kBudget)));
  EXPECT_FALSE(store.has(name_of(200)));
}

TEST_F(DiskStoreTest, SharesItsDirectory) {
  constexpr std::int64_t kBudget = 100000;
  DiskStore first = open(kBudget), second = open(kBudget);
  first.write(name_of(1), bytes_of(1));
  EXPECT_EQ(second.read(name_of(1)), bytes_of(1));
  for (int i = 0; i < 200; ++i) (i % 2 == 0 ? first : second).write(name_of(i), bytes_of(i));
  std::int64_t total = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
    if (entry.is_regular_file()) total += static_cast<std::int64_t>(entry.file_size());
  }
  EXPECT_LE(total, kBudget);
}

TEST_F(DiskStoreTest, RemovesWhatAKilledProcessLeft) {
  fs::create_directories(directory_);
  for (const char* name : {".new-1-0", ".new-1-1"}) std::ofstream(directory_ / name) << "half";
  fs::last_write_time(directory_ / ".new-1-0",
                      fs::file_time_type::clock::now() - std::chrono::hours(2));
  const DiskStore store = open();
  EXPECT_FALSE(fs::exists(directory_ / ".new-1-0"));
  EXPECT_TRUE(fs::exists(directory_ / ".new-1-1"));  // somebody may be writing it
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(DiskStoreTest, SaysWhenTheDiskIsFull) {
  DiskStore store = open();
  // A limit on the size of files fails writes as a full disk does.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{500, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(store.write(name_of(1), bytes_of(1)), Error);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(store.has(name_of(1)));
  for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
    EXPECT_FALSE(entry.is_regular_file()) << entry.path();
  }
  store.write(name_of(1), bytes_of(1));
  EXPECT_EQ(store.read(name_of(1)), bytes_of(1));
}

TEST_F(DiskStoreTest, RefusesDirectoriesThatOthersCanWriteTo) {
  fs::create_directories(directory_);
  fs::permissions(directory_, fs::perms::all);
  EXPECT_THAT([&] { open(); }, testing::ThrowsMessage<Error>(HasSubstr("only its owner")));
  std::ofstream(temporary_.path() / "file") << "";
  directory_ = temporary_.path() / "file";
  EXPECT_THAT([&] { open(); }, testing::ThrowsMessage<Error>(HasSubstr("wanted a directory")));
  directory_ = temporary_.path() / "file" / "below";
  EXPECT_THAT([&] { open(); }, testing::ThrowsMessage<Error>(HasSubstr("below")));
  directory_ = temporary_.path() / "other";
  EXPECT_THROW(open(0), Error);
}

}  // namespace
}  // namespace saccade::engine
