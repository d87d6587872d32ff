/** The machine on which something was measured. */
import { cpus, release, totalmem } from 'node:os';

export interface MachineResult {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  /** Congestion control of all ends, direct and under fttcp. */
  readonly congestion: string;
}

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
