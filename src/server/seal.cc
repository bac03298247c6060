#include "server/seal.h"

#include "base/error.h"

#if defined(__linux__)

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

namespace saccade::server {
namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "seal.cc does not know this processor: add its AUDIT_ARCH_ constant"
#endif

/// System calls that make a way out: sockets, connections, and what could make them unseen, such as
/// io_uring's own operations, sockets taken from other processes, and other processes made to act.
constexpr unsigned kRefused[] = {
    __NR_socket, __NR_socketpair,        __NR_connect,     __NR_bind,           __NR_listen,
    __NR_ptrace, __NR_process_vm_writev, __NR_pidfd_getfd, __NR_io_uring_setup,
};

sock_filter statement(unsigned short code, unsigned value) {
  return BPF_STMT(code, value);
}

sock_filter jump(unsigned short code, unsigned value, unsigned char if_true,
                 unsigned char if_false) {
  return BPF_JUMP(code, value, if_true, if_false);
}

/// The filter's program (seccomp(2)): other instruction sets than ours end the process, the calls
/// above fail with EPERM, all others pass.
std::vector<sock_filter> filter_program() {
  std::vector<sock_filter> program = {
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      jump(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
      statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
#if defined(__x86_64__)
  // The same calls under other numbers (x32).
  constexpr unsigned kX32 = 0x4000'0000;
  program.push_back(jump(BPF_JMP | BPF_JGE | BPF_K, kX32, 0, 1));
  program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
#endif
  for (const unsigned number : kRefused) {
    program.push_back(jump(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }
  program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return program;
}

}  // namespace

void seal_process() {
  std::vector<sock_filter> filter = filter_program();
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
    fail("--sealed: the kernel does not let this process be sealed (seccomp): {}",
         std::strerror(errno));
  }
}

}  // namespace saccade::server

#else

namespace saccade::server {

void seal_process() {
  fail("--sealed: it needs Linux's seccomp, which this system does not have");
}

}  // namespace saccade::server

#endif
