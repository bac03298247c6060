// Having the kernel refuse outgoing connections.
#pragma once

namespace saccade::server {

/// From now on no thread of this process, and no program that it starts, can make a socket or
/// connect one: connect() and its like fail with EPERM. Sockets that are open stay, and those that
/// listen go on accepting. It cannot be undone. Throws Error where the system has no such thing.
void seal_process();

}  // namespace saccade::server
