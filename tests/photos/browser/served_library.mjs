// A library of the program itself, in a folder of its own that goes with it.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PICTURES = fileURLToPath(new URL('../../../assets/pictures/', import.meta.url));

export class ServedLibrary {
  #program;
  #folder = mkdtempSync(join(tmpdir(), 'saccade-page-'));
  #process = null;
  #url = '';

  constructor(program) {
    if (!program) throw new Error('SACCADE_PROGRAM does not say which program to test');
    this.#program = program;
  }

  get #library() {
    return join(this.#folder, 'library');
  }

  /** Runs `saccade photos COMMAND LIBRARY ARGUMENTS...`; what it prints. */
  async run(command, ...args) {
    const { stdout } = await promisify(execFile)(this.#program, [
      'photos',
      command,
      this.#library,
      ...args,
    ]);
    return stdout;
  }

  /** Adds pictures of the repository, of which copies are made. */
  async add(...names) {
    const paths = names.map((name) => {
      const path = join(this.#folder, name);
      cpSync(join(PICTURES, name), path);
      return path;
    });
    await this.run('add', ...paths);
  }

  /**
   * Makes the library, has its settings changed by `settings(text)`, adds `pictures` (names), and
   * serves it with `options`; {url, close}.
   */
  async serve({ pictures = [], settings = (text) => text, options = [] }) {
    const nothing = join(this.#folder, 'nothing');
    mkdirSync(nothing);
    await this.run('add', nothing); // makes the library, with the settings that it comes with
    const file = join(this.#library, 'photos.toml');
    writeFileSync(file, settings(readFileSync(file, 'utf8')));
    if (pictures.length > 0) await this.add(...pictures);
    await this.start(...options);
    return { url: this.#url, close: () => this.#close() };
  }

  /** Starts the server; the port is the one it had before, if there was one. */
  async start(...options) {
    const port = this.#url ? new URL(this.#url).port : '0';
    this.#process = spawn(
      this.#program,
      ['photos', 'serve', this.#library, '--port', port, ...options],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.#url = await new Promise((resolve, reject) => {
      let printed = '';
      this.#process.stdout.on('data', (part) => {
        printed += part;
        const url = /http:\/\/[\d.:]+\//.exec(printed);
        if (url) resolve(url[0]);
      });
      this.#process.on('exit', () => reject(new Error(`saccade photos serve ended: ${printed}`)));
      this.#process.on('error', reject);
    });
  }

  /** Ends the server at once, as a crash does. */
  async kill() {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
    this.#process = null;
  }

  async #close() {
    if (this.#process) await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
