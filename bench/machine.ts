/** The machine on which the benchmarks run. */
import { cpus, release, totalmem } from 'node:os';
import type { MachineResult } from './results.ts';

export function machine(congestion: string): MachineResult {
  const processors = cpus();
  return {
    cores: processors.length,
    cpu: processors[0]?.model.trim() ?? 'unknown',
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    congestion,
  };
}
