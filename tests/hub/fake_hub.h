// A server on this machine that plays the Hugging Face Hub, and the other one that it keeps its
// large files on.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace saccade::hub {

constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

struct SeenRequest {
  bool storage = false;  ///< of the second server
  std::string method;
  std::string path;
  std::string authorization;
  std::string range;
  std::int64_t served_bytes = 0;  ///< of the body
};

/// What goes wrong with one answer.
struct Fault {
  int status = 0;                      ///< an error instead of the answer
  std::string headers;                 ///< further header lines
  std::int64_t cut_after = -1;         ///< the connection ends after that many bytes of the body
  bool ignore_range = false;           ///< 200 and the whole file
  bool wrong_range = false;            ///< Content-Range of other bytes
  bool wrong_bytes = false;            ///< one byte is another
  std::int64_t longer_by = 0;          ///< Content-Length says that much more
  std::chrono::milliseconds pause{0};  ///< before each 16 KiB
};

/// Serves ORG/NAME with a listing under /api/models, small files by a relative redirect, large ones
/// by a redirect to the storage server. Loopback only, ports as the system gives them.
class FakeHub {
 public:
  FakeHub();
  ~FakeHub();
  FakeHub(const FakeHub&) = delete;
  FakeHub& operator=(const FakeHub&) = delete;

  std::string endpoint() const;
  /// `large`: named by SHA-256 and kept on the storage server. Returns the blob's name.
  std::string add(const std::string& name, const std::string& content, bool large);
  /// Instead of the listing made from the files.
  void set_listing(const std::string& json);
  /// A listing without sizes and digests.
  void set_bare(bool bare) { bare_ = bare; }
  /// Asked for each request; what it returns goes wrong.
  void set_fault(std::function<Fault(const SeenRequest&)> fault);
  std::vector<SeenRequest> seen() const;
  /// Bytes of files served since the start or the last call of forget().
  std::int64_t served_bytes() const;
  void forget();

 private:
  struct File {
    std::string content;
    std::string blob;
    bool large;
  };
  struct Reply {
    std::string status_line;
    std::string headers;
    std::string body;
  };

  void accept_on(int listener, bool storage);
  void serve(int connection, bool storage);
  Reply reply_to(const SeenRequest& request, const Fault& fault);
  Reply file_reply(const File& file, const SeenRequest& request, const Fault& fault) const;
  Reply resolve(const std::string& name) const;
  std::string listing() const;
  std::int64_t send_body(int connection, const std::string& body, const Fault& fault) const;

  mutable std::mutex mutex_;
  std::map<std::string, File> files_;
  std::string listing_;
  std::atomic<bool> bare_{false};
  std::function<Fault(const SeenRequest&)> fault_;
  std::vector<SeenRequest> seen_;
  int forgotten_ = 0;  // how often; a late answer belongs to what was forgotten

  int hub_ = -1;
  int storage_ = -1;
  std::atomic<bool> stopping_{false};
  std::list<std::thread> connections_;
  std::vector<std::thread> acceptors_;
};

}  // namespace saccade::hub
