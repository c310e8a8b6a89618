// Installs what package-lock.json says, compiles the suite and runs it; see README.md one folder up.
//
// The packages are kept in a cache, so that a fresh clone does not fetch them again. All arguments go to the suite.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const suite = dirname(fileURLToPath(import.meta.url));

/** The folder that holds exactly the locked packages; made when it is not there yet. */
function packages() {
  const lock = readFileSync(join(suite, 'package-lock.json'));
  const key = createHash('sha256').update(lock).update(process.version).digest('hex').slice(0, 12);
  const cache = process.env.WEFT_CACHE_DIR || join(homedir(), '.cache', 'weft');
  const directory = join(cache, `conformance-typescript-${key}`);
  const done = join(directory, 'complete');
  if (!existsSync(done)) {
    mkdirSync(directory, { recursive: true });
    for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(suite, file), join(directory, file));
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], directory);
    writeFileSync(done, '');
  }
  return join(directory, 'node_modules');
}

/** Runs a program and ends with it if it fails. */
function run(program, args, cwd = process.cwd()) {
  const { status, error } = spawnSync(program, args, { cwd, stdio: 'inherit' });
  if (error) console.error(`${program}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

const modules = join(suite, 'node_modules');
rmSync(modules, { recursive: true, force: true });
symlinkSync(packages(), modules);
rmSync(join(suite, 'build'), { recursive: true, force: true });
run(process.execPath, [join(modules, 'typescript', 'bin', 'tsc'), '-p', suite]);
run(process.execPath, [join(suite, 'build', 'main.js'), ...process.argv.slice(2)]);
