// The listening socket and its connections, with a handler that does as it is told.
#include "server/http_server.h"

#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "patience.h"
#include "saccade/error.h"
#include "server/http_client.h"

namespace saccade::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

/// /echo answers with the body, /stream with pieces that the test sends, /refused with 403.
class TestHandler : public HttpHandler {
 public:
  std::optional<HttpResponse> refuse(HttpRequest& head) override {
    if (head.path == "/refused") return HttpResponse{403, "no"};
    return std::nullopt;
  }

  void handle(HttpRequest request, std::shared_ptr<Reply> reply) override {
    if (request.path == "/echo") {
      reply->send({200, request.body, "text/plain"});
      return;
    }
    reply->when_gone([this] { change([this] { ++gone_; }); });
    if (request.path == "/stream") reply->begin_stream({200, "first\n", "text/plain"});
    change([&] { waiting_ = std::move(reply); });
  }

  HttpResponse transport_error(const HttpRequest&, int status,
                               const std::string& message) override {
    return {status, message};
  }

  void finished(const RequestRecord& record) override {
    change([&] { records_.push_back(record); });
  }

  /// The reply of the request that waits for its answer.
  std::shared_ptr<Reply> take_waiting() {
    wait([this] { return waiting_ != nullptr; });
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, nullptr);
  }
  bool saw_client_go() {
    return wait([this] { return gone_ > 0; });
  }
  RequestRecord last_record() {
    wait([this] { return !records_.empty(); });
    const std::lock_guard lock(mutex_);
    return records_.empty() ? RequestRecord{} : records_.back();
  }

 private:
  template <typename Update>
  void change(Update update) {
    {
      const std::lock_guard lock(mutex_);
      update();
    }
    changed_.notify_all();
  }
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience(seconds(10)), condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<Reply> waiting_;
  int gone_ = 0;
  std::vector<RequestRecord> records_;
};

class HttpServerTest : public testing::Test {
 protected:
  /// Starts the server with what is in options_.
  void start() {
    options_.port = 0;
    server_.emplace(options_, handler_);
    thread_ = std::thread([this] { server_->run(); });
  }
  void TearDown() override {
    if (!server_) return;
    server_->stop(milliseconds(1000));
    thread_.join();
  }
  std::uint16_t port() const { return server_->port(); }

  HttpOptions options_;
  TestHandler handler_;
  std::optional<HttpServer> server_;
  std::thread thread_;
};

TEST_F(HttpServerTest, AnswersOneRequestAfterTheOtherOnAConnection) {
  start();
  TestClient client(port());
  for (const std::string body : {"one", "two", "three"}) {
    client.request("POST", "/echo", body);
    const auto response = client.read();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, body);
  }
}

TEST_F(HttpServerTest, AnswersRequestsThatWereSentTogetherInTheirOrder) {
  start();
  TestClient client(port());
  for (const std::string body : {"one", "two", "three"}) client.request("POST", "/echo", body);
  for (const std::string body : {"one", "two", "three"}) {
    const auto response = client.read();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body, body);
  }
}

TEST_F(HttpServerTest, SendsAStreamInPieces) {
  start();
  TestClient client(port());
  client.request("GET", "/stream");
  const auto reply = handler_.take_waiting();
  ASSERT_TRUE(client.read_until("first\n"));  // before there is more
  reply->write("second\n");
  ASSERT_TRUE(client.read_until("second\n"));
  reply->end_stream();
  const auto response = client.read();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "first\nsecond\n");
  client.request("POST", "/echo", "again");  // the connection lives on
  EXPECT_EQ(client.read()->body, "again");
}

TEST_F(HttpServerTest, SendsAStreamWithoutChunksToAnOldClient) {
  start();
  TestClient client(port());
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  const auto reply = handler_.take_waiting();
  reply->write("second\n");
  reply->end_stream();
  EXPECT_TRUE(client.read_until("\r\n\r\nfirst\nsecond\n"));
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(HttpServerTest, LeavesOutTheBodyForHead) {
  start();
  TestClient client(port());
  client.send("HEAD /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_TRUE(client.read_until("Content-Length: 3\r\n\r\n"));
  client.request("POST", "/echo", "next");
  EXPECT_TRUE(client.read_until("\r\n\r\nHTTP/1.1 200 OK"));
}

TEST_F(HttpServerTest, NoticesThatAClientLeavesWhileItWaits) {
  start();
  TestClient client(port());
  client.request("GET", "/wait");
  const auto reply = handler_.take_waiting();
  client.close();
  EXPECT_TRUE(handler_.saw_client_go());
  EXPECT_EQ(handler_.last_record().outcome, "client_gone");
}

TEST_F(HttpServerTest, NoticesThatAClientLeavesAStream) {
  start();
  TestClient client(port());
  client.request("GET", "/stream");
  const auto reply = handler_.take_waiting();
  ASSERT_TRUE(client.read_until("first\n"));
  client.reset();
  EXPECT_TRUE(handler_.saw_client_go());
}

TEST_F(HttpServerTest, NoticesAResetBehindTheNextRequest) {
  start();
  TestClient client(port());
  client.request("GET", "/wait");
  const auto reply = handler_.take_waiting();
  client.request("GET", "/wait");
  std::this_thread::sleep_for(milliseconds(100));
  client.reset();
  EXPECT_TRUE(handler_.saw_client_go());
}

TEST_F(HttpServerTest, TellsTheHandlerOfOneWhoHasLeftAlready) {
  start();
  TestClient client(port());
  client.request("GET", "/wait");
  const auto reply = handler_.take_waiting();
  client.close();
  ASSERT_TRUE(handler_.saw_client_go());
  std::atomic<bool> called = false;
  reply->when_gone([&] { called = true; });
  EXPECT_TRUE(called);
}

TEST_F(HttpServerTest, DropsAClientThatDoesNotReadItsStream) {
  options_.max_unread_bytes = 64 << 10;
  start();
  TestClient client(port(), 4096);
  client.request("GET", "/stream");
  const auto reply = handler_.take_waiting();
  const std::string piece(16 << 10, 'x');
  // The kernel takes some; it must end long before this.
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 4096; ++i) reply->write(piece);
  EXPECT_TRUE(handler_.saw_client_go());
  EXPECT_EQ(handler_.last_record().outcome, "client_stalled");
  // The write that hung did not have to run out of its time.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, options_.write_timeout / 2);
}

TEST_F(HttpServerTest, DropsAClientThatTakesTooLongToRead) {
  options_.write_timeout = milliseconds(200);
  options_.max_unread_bytes = std::size_t{64} << 20;
  start();
  TestClient client(port(), 4096);
  client.request("GET", "/stream");
  const auto reply = handler_.take_waiting();
  reply->write(std::string(std::size_t{16} << 20, 'x'));
  EXPECT_TRUE(handler_.saw_client_go());
  EXPECT_EQ(handler_.last_record().outcome, "client_stalled");
}

TEST_F(HttpServerTest, RefusesABodyThatIsTooLarge) {
  options_.max_body_bytes = 1000;
  start();
  const TestResponse whole = ask(port(), "POST", "/echo", std::string(1001, 'x'));
  EXPECT_EQ(whole.status, 413);
  EXPECT_THAT(whole.body, HasSubstr("larger than 1000 bytes"));
  EXPECT_EQ(ask(port(), "POST", "/echo", std::string(1000, 'x')).status, 200);
  TestClient chunked(port());  // does not say beforehand how much comes
  chunked.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 3; ++i) chunked.send("1F4\r\n" + std::string(500, 'x') + "\r\n");
  const auto response = chunked.read();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 413);
}

TEST_F(HttpServerTest, BoundsTheMemoryOfAllBodies) {
  options_.max_total_body_bytes = 1500;
  start();
  TestClient first(port());
  first.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbegin");
  std::this_thread::sleep_for(milliseconds(200));
  const TestResponse second = ask(port(), "POST", "/echo", std::string(1000, 'x'));
  EXPECT_EQ(second.status, 503);
  EXPECT_EQ(second.headers.at("retry-after"), "1");
  first.send(std::string(995, 'x'));
  EXPECT_EQ(first.read()->status, 200);
  // The memory comes back a moment after the last byte of the answer.
  int status = 503;
  eventually([&] {
    status = ask(port(), "POST", "/echo", std::string(1000, 'x')).status;
    return status != 503;
  });
  EXPECT_EQ(status, 200);
}

TEST_F(HttpServerTest, RefusesBeforeTheBodyIsSent) {
  start();
  TestClient client(port());
  client.send(
      "POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
      "Expect: 100-continue\r\n\r\n");
  const auto response = client.read();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 403);
  EXPECT_TRUE(client.closed_by_server());  // what follows is not taken for a request
}

TEST_F(HttpServerTest, AsksForABodyThatWaits) {
  start();
  TestClient client(port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(client.read_until("100 Continue"));
  client.send("abc");
  EXPECT_EQ(client.read()->body, "abc");
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
  start();
  for (const char* text : {"hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                           "POST /echo HTTP/1.1\r\nContent-Length: -3\r\n\r\n"}) {
    TestClient client(port());
    client.send(text);
    const auto response = client.read();
    ASSERT_TRUE(response) << text;
    EXPECT_EQ(response->status, 400) << text;
    EXPECT_TRUE(client.closed_by_server());
  }
  TestClient client(port());
  client.send("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(client.read()->status, 431);
}

TEST_F(HttpServerTest, EndsConnectionsThatSayNothing) {
  options_.header_timeout = milliseconds(200);
  options_.idle_timeout = milliseconds(200);
  options_.read_timeout = milliseconds(200);
  start();
  TestClient silent(port());
  TestClient slow(port());
  slow.send("GET /echo HT");
  TestClient idle(port());
  idle.request("POST", "/echo", "x");
  ASSERT_TRUE(idle.read());
  TestClient stalled(port());
  stalled.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbegin");
  for (TestClient* client : {&silent, &slow, &idle, &stalled}) {
    EXPECT_TRUE(client->closed_by_server());
  }
}

TEST_F(HttpServerTest, TurnsAwayTooManyConnections) {
  options_.max_connections = 2;
  start();
  TestClient first(port());
  TestClient second(port());
  for (TestClient* client : {&first, &second}) {
    client->request("POST", "/echo", "x");
    ASSERT_TRUE(client->read());
  }
  TestClient third(port());
  const auto response = third.read();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503);
}

TEST_F(HttpServerTest, SendsWhatIsLeftBeforeItStops) {
  start();
  TestClient client(port());
  client.request("GET", "/stream");
  const auto reply = handler_.take_waiting();
  ASSERT_TRUE(client.read_until("first\n"));
  server_->stop(seconds(10));
  reply->write("last\n");
  reply->end_stream();
  thread_.join();
  const auto response = client.read();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "first\nlast\n");
  EXPECT_THROW(TestClient{port()}, std::runtime_error);
  server_.reset();
}

TEST_F(HttpServerTest, SaysThatAPortIsTaken) {
  start();
  HttpOptions taken = options_;
  taken.port = port();
  try {
    HttpServer other(taken, handler_);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("cannot listen on 127.0.0.1 port"));
  }
}

}  // namespace
}  // namespace saccade::server
