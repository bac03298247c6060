# 64-bit Arm from an x86 machine: Debian's cross compiler, and qemu-user to run what it builds.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)  # GoogleTest asks for one
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
# Static, so that no Arm C library has to be found when it runs. The linker would warn that name look-ups
# then need one; nothing here looks up a name.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -Wl,--no-warnings")
