#include "server/seal.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace saccade::server {
namespace {

/// A socket that listens on a free port of this machine.
int listening_socket(sockaddr_in& address) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  listen(listener, 4);
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  return listener;
}

bool refused(int result) {
  return result == -1 && errno == EPERM;
}

int connect_to(int socket, const sockaddr_in& address) {
  return connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

/// What a sealed process finds: 0, or the number of what it could do and should not. Another
/// thread is there before the seal, which must hold for it too.
int try_everything(int listener, const sockaddr_in& address) {
  const int early = socket(AF_INET, SOCK_STREAM, 0);
  if (connect_to(early, address) != 0) return 1;  // before the seal all is as it was
  const int unconnected = socket(AF_INET, SOCK_STREAM, 0);
  int sealed[2];
  int answers[2];
  if (pipe(sealed) != 0 || pipe(answers) != 0) return 2;
  std::thread other([&] {
    char byte = 0;
    if (read(sealed[0], &byte, 1) != 1) return;
    byte = refused(socket(AF_INET, SOCK_STREAM, 0)) && refused(connect_to(unconnected, address));
    if (write(answers[1], &byte, 1) != 1) return;
  });
  seal_process();
  char byte = 0;
  if (write(sealed[1], &byte, 1) != 1 || read(answers[0], &byte, 1) != 1) return 3;
  other.join();
  if (byte != 1) return 4;
  if (!refused(socket(AF_INET, SOCK_STREAM, 0))) return 5;
  if (!refused(socket(AF_INET6, SOCK_DGRAM, 0))) return 6;
  if (!refused(socket(AF_UNIX, SOCK_STREAM, 0))) return 7;
  if (!refused(connect_to(unconnected, address))) return 8;
  // What is open goes on: the listener accepts, and connections carry data.
  const int accepted = accept(listener, nullptr, nullptr);
  if (accepted < 0 || write(early, "x", 1) != 1 || read(accepted, &byte, 1) != 1) return 9;
  // A program that it starts is sealed as well.
  const pid_t child = fork();
  if (child == 0) _exit(refused(socket(AF_INET, SOCK_STREAM, 0)) ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0 ? 0 : 10;
}

TEST(Seal, RefusesEveryWayOutAndKeepsTheWayIn) {
  sockaddr_in address;
  const int listener = listening_socket(address);
  const pid_t child = fork();
  if (child == 0) {
    int found = 11;
    try {
      found = try_everything(listener, address);
    } catch (...) {
    }
    _exit(found);
  }
  int status = 0;
  waitpid(child, &status, 0);
  close(listener);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace saccade::server
