#include "photos/database.h"

#include <sqlite3.h>

#include <fmt/format.h>

#include <bit>
#include <chrono>
#include <thread>

#include "photos/schema.h"

namespace saccade::photos {
namespace {

// Another process may hold the lock while its disk is slow.
constexpr int kBusyTimeoutMs = 30'000;
constexpr std::size_t kIdleReaders = 8;

/// hamming(a, b): in how many bits two integers differ.
void hamming(sqlite3_context* context, int /*count*/, sqlite3_value** values) {
  if (sqlite3_value_type(values[0]) == SQLITE_NULL ||
      sqlite3_value_type(values[1]) == SQLITE_NULL) {
    sqlite3_result_null(context);
    return;
  }
  const auto a = static_cast<std::uint64_t>(sqlite3_value_int64(values[0]));
  const auto b = static_cast<std::uint64_t>(sqlite3_value_int64(values[1]));
  sqlite3_result_int(context, std::popcount(a ^ b));
}

/// dot(a, b): the product of two blobs of float32; NULL where their lengths differ.
void dot(sqlite3_context* context, int /*count*/, sqlite3_value** values) {
  const int bytes = sqlite3_value_bytes(values[0]);
  if (bytes == 0 || bytes != sqlite3_value_bytes(values[1])) {
    sqlite3_result_null(context);
    return;
  }
  const auto* a = static_cast<const float*>(sqlite3_value_blob(values[0]));
  const auto* b = static_cast<const float*>(sqlite3_value_blob(values[1]));
  float sum = 0.0F;
  for (std::size_t i = 0; i < static_cast<std::size_t>(bytes) / sizeof(float); ++i) {
    sum += a[i] * b[i];
  }
  sqlite3_result_double(context, static_cast<double>(sum));
}

/// Has changes written to a log first. Another program may do so at the same time, for which SQLite
/// does not wait by itself: each of the two would wait for the other.
void use_log(Connection& connection) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kBusyTimeoutMs);
  for (;;) {
    const int result = connection.tryExec("PRAGMA journal_mode = WAL");
    if (result == SQLITE_OK) return;
    if (result != SQLITE_BUSY || std::chrono::steady_clock::now() > until) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  connection.exec("PRAGMA journal_mode = WAL");  // which says what is wrong
}

}  // namespace

Database::Database(std::filesystem::path path) : path_(std::move(path)) {
  guarded([&] {
    writer_ = open(SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    use_log(*writer_);
    begin(*writer_);
    Rollback rollback{*writer_};
    migrate(*writer_, path_.string());
    rollback.commit();
  });
}

Database::~Database() = default;

std::unique_ptr<Connection> Database::open(int flags) const {
  auto connection = std::make_unique<Connection>(path_.string(), flags, kBusyTimeoutMs);
  // A commit is on the disk when the log is: what is finished survives a crash of this process at
  // once, and a power cut but for the last moments.
  // Rows that OR REPLACE deletes count as deleted only where triggers are recursive.
  connection->exec(
      "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; PRAGMA recursive_triggers = ON");
  connection->createFunction("hamming", 2, true, nullptr, hamming);
  connection->createFunction("dot", 2, true, nullptr, dot);
  return connection;
}

void Database::begin(Connection& connection) {
  // At once the only writer: a transaction that first reads could not become one later.
  connection.exec("BEGIN IMMEDIATE");
}

void Database::Rollback::commit() {
  connection.exec("COMMIT");
  done = true;
}

Database::Rollback::~Rollback() {
  // SQLite has undone the transaction itself where the disk was full.
  if (!done) connection.tryExec("ROLLBACK");
}

Database::Lease::Lease(const Database& of) : database(of) {
  {
    const std::scoped_lock lock(database.readers_mutex_);
    if (!database.readers_.empty()) {
      connection = std::move(database.readers_.back());
      database.readers_.pop_back();
    }
  }
  if (!connection) connection = database.open(SQLite::OPEN_READWRITE);
  connection->exec("BEGIN");
}

Database::Lease::~Lease() {
  if (connection->tryExec("COMMIT") != 0) connection->tryExec("ROLLBACK");
  const std::scoped_lock lock(database.readers_mutex_);
  if (database.readers_.size() < kIdleReaders) database.readers_.push_back(std::move(connection));
}

void Database::rethrow(const SQLite::Exception& error) const {
  const char* advice = "";
  switch (error.getErrorCode()) {
    case SQLITE_FULL:
      advice = "; free some space";
      break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      advice = "; the library's folder must be writable";
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      advice = "; it is damaged or not a photo library: restore it from a copy";
      break;
    case SQLITE_BUSY:
      advice = "; another program has kept it locked";
      break;
    default:
      break;
  }
  throw LibraryError(fmt::format("{}: {}{}", path_.string(), error.getErrorStr(), advice));
}

}  // namespace saccade::photos
