#include "cli/cli.h"

int main(int argc, char** argv) {
  return saccade::cli::run_cli(argc, argv);
}
