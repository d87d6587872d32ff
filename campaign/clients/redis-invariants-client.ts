// Holds a redis to what only one server can do, whichever hosts it runs on: many connections at once, and of everything that
// is answered the client knows what it may be. No counter is given a number twice, no money is lost in a transaction, no member of a set
// is drawn twice, no job is taken twice or never, no message is missed, no key lives too short or too long, no clock goes back.
// Usage: redis-invariants-client SECONDS. Exit code 0 when all is right.
import { conclude, sleep, wanted } from './client-program.ts';
import { type Reply, RespConnection } from './resp.ts';

const untilMs = performance.now() + 1000 * Number(process.argv[2]);
const isOver = () => performance.now() >= untilMs;

const ACCOUNTS = ['account:0', 'account:1', 'account:2', 'account:3'];
const ACCOUNT_START = 1000;
const MEMBERS = 100;
const LEASE_MS = 150;
/** What the server's clock and the client's may differ by in so short a time. */
const TOLERANCE_MS = 50;
const CLOCKS_APART_MS_MAX = 60_000;
const CONSTANTS = Array.from({ length: 20 }, (_, index) => `constant:${index}`);
const KEYS = /^(constant:\d+|counter|turn|account:\d|bag|jobs|lease)$/;

/** Runs as many at once, each with a connection of its own; resolves to how many answers they have checked. */
async function each(count: number, work: (redis: RespConnection, index: number) => Promise<number>): Promise<number> {
  const one = async (index: number) => {
    const redis = await RespConnection.open();
    const answers = await work(redis, index);
    await redis.close();
    return answers;
  };
  const all = await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
  return all.reduce((sum, answers) => sum + answers, 0);
}

/** INCR of one key: every number once, and none that was behind another when it was asked for. */
async function counter(): Promise<number> {
  const given = new Set<Reply>();
  let highest = 0;
  await each(4, async (redis) => {
    while (!isOver()) {
      const floor = highest;
      const number = Number(await redis.ask('INCR', 'counter'));
      if (number <= floor) throw new Error(`INCR answers ${number} after ${floor}`);
      given.add(number);
      highest = Math.max(highest, number);
    }
    return 0;
  });
  wanted('INCR, different answers', given.size, highest);
  return each(1, async (redis) => {
    wanted('counter at the end', await redis.ask('GET', 'counter'), String(highest));
    return highest;
  });
}

/** MULTI and EXEC: the sum over all accounts is the same in every transaction. */
function transfers(): Promise<number> {
  return each(3, async (redis, index) => {
    let done = 0;
    for (; !isOver(); done++) {
      const from = ACCOUNTS[(index + done) % ACCOUNTS.length] ?? '';
      const to = ACCOUNTS[(3 * index + 2 * done + 1) % ACCOUNTS.length] ?? '';
      wanted('MULTI', await redis.ask('MULTI'), 'OK');
      wanted('DECRBY', await redis.ask('DECRBY', from, done), 'QUEUED');
      wanted('INCRBY', await redis.ask('INCRBY', to, done), 'QUEUED');
      wanted('MGET', await redis.ask('MGET', ...ACCOUNTS), 'QUEUED');
      const [, , balances] = list(await redis.ask('EXEC'));
      const sum = list(balances).reduce<number>((total, balance) => total + Number(balance), 0);
      wanted('sum of the accounts', sum, ACCOUNTS.length * ACCOUNT_START);
    }
    return 5 * done;
  });
}

/** WATCH: of two that have read the same, one may write. */
async function turns(): Promise<number> {
  let taken = 0;
  const asked = await each(2, async (redis) => {
    let tries = 0;
    for (; !isOver(); tries++) {
      await redis.ask('WATCH', 'turn');
      const turn = Number(await redis.ask('GET', 'turn'));
      await redis.ask('MULTI');
      await redis.ask('SET', 'turn', turn + 1);
      if ((await redis.ask('EXEC')) !== null) taken++;
    }
    return 5 * tries;
  });
  await each(1, async (redis) => {
    wanted('turns at the end', Number(await redis.ask('GET', 'turn')), taken);
    return 1;
  });
  return asked;
}

/** SPOP: whatever the order, everything comes out, once. */
async function draws(): Promise<number> {
  const members = Array.from({ length: MEMBERS }, (_, index) => `member${index}`).sort();
  let answers = 0;
  while (!isOver()) {
    await each(1, async (redis) => {
      wanted('SADD', await redis.ask('SADD', 'bag', ...members), MEMBERS);
      return 1;
    });
    const drawn: Reply[] = [];
    await each(3, async (redis) => {
      for (let member = await redis.ask('SPOP', 'bag'); member !== null; member = await redis.ask('SPOP', 'bag')) {
        drawn.push(member);
      }
      return 0;
    });
    wanted('SPOP, all of them', drawn.sort().join(), members.join());
    answers += MEMBERS;
  }
  return answers;
}

/** BLPOP: what is pushed is taken once, and by each of those who wait in the order in which it was pushed. */
async function jobs(): Promise<number> {
  const consumers = 3;
  const taken: number[] = [];
  const consume = each(consumers, async (redis) => {
    let last = -1;
    for (;;) {
      const [key, job] = list(await redis.ask('BLPOP', 'jobs', 0));
      wanted('BLPOP, key', key, 'jobs');
      if (job === 'end') return 0;
      if (Number(job) <= last) throw new Error(`BLPOP gives job ${job} after ${last}`);
      last = Number(job);
      taken.push(last);
    }
  });
  let pushed = 0;
  const produce = each(1, async (redis) => {
    while (!isOver()) {
      await redis.ask('RPUSH', 'jobs', pushed++);
      if (pushed % 10 === 0) await sleep(2);
    }
    for (let i = 0; i < consumers; i++) await redis.ask('RPUSH', 'jobs', 'end');
    return pushed;
  });
  await Promise.all([consume, produce]);
  const missing = taken.sort((one, other) => one - other).findIndex((job, index) => job !== index);
  if (missing >= 0 || taken.length !== pushed) throw new Error(`BLPOP: ${pushed} pushed, wrong from job ${missing} on`);
  return 2 * pushed;
}

/** PUBLISH: every subscriber hears every message, in order. */
async function news(): Promise<number> {
  const subscribers = 2;
  const listening: Promise<void>[] = [];
  const hear = each(subscribers, async (redis) => {
    const subscribed = redis.ask('SUBSCRIBE', 'news');
    listening.push(subscribed.then((reply) => wanted('SUBSCRIBE', list(reply)[0], 'subscribe')));
    await subscribed;
    for (let expected = 0; ; expected++) {
      const [kind, channel, message] = list(await redis.receive());
      wanted('news, kind and channel', `${kind} ${channel}`, 'message news');
      if (message === 'end') return expected;
      wanted('news', message, String(expected));
    }
  });
  const publish = each(1, async (redis) => {
    while (listening.length < subscribers) await sleep(1);
    await Promise.all(listening);
    let published = 0;
    for (; !isOver(); published++) {
      wanted('PUBLISH, subscribers', await redis.ask('PUBLISH', 'news', published), subscribers);
    }
    await redis.ask('PUBLISH', 'news', 'end');
    return published;
  });
  const [heard, published] = await Promise.all([hear, publish]);
  wanted('news heard', heard, subscribers * published);
  return published + heard;
}

/** PX, PTTL: a key lives as long as it was said, and never comes back. */
function leases(): Promise<number> {
  return each(1, async (redis) => {
    let answers = 0;
    while (!isOver()) {
      const sentMs = performance.now();
      wanted('SET PX', await redis.ask('SET', 'lease', 'mine', 'PX', LEASE_MS), 'OK');
      const setMs = performance.now();
      let last = LEASE_MS;
      while (last >= 0) {
        const askedMs = performance.now();
        const left = Number(await redis.ask('PTTL', 'lease'));
        const most = LEASE_MS - (askedMs - setMs) + TOLERANCE_MS;
        const least = LEASE_MS - (performance.now() - sentMs) - TOLERANCE_MS;
        const isPossible = left === -2 ? least <= 0 : left >= 0 && left >= least && left <= Math.min(last, most);
        if (!isPossible) throw new Error(`PTTL ${left} after ${last}; from ${least} to ${most} is possible`);
        last = left;
        answers++;
        await sleep(5);
      }
      wanted('GET of an expired key', await redis.ask('GET', 'lease'), null);
    }
    return answers;
  });
}

/** TIME: no connection is told an earlier time than another one has been told before. */
async function clock(): Promise<number> {
  let latestMs = 0;
  return each(2, async (redis) => {
    let answers = 0;
    for (; !isOver(); answers++) {
      const floorMs = latestMs;
      const [seconds, microseconds] = list(await redis.ask('TIME'));
      const timeMs = 1000 * Number(seconds) + Number(microseconds) / 1000;
      if (timeMs < floorMs) throw new Error(`TIME goes back by ${floorMs - timeMs} ms`);
      const apartMs = Math.abs(timeMs - Date.now());
      if (apartMs > CLOCKS_APART_MS_MAX) throw new Error(`TIME is ${apartMs} ms away from the client's`);
      latestMs = Math.max(latestMs, timeMs);
      await sleep(1);
    }
    return answers;
  });
}

/** RANDOMKEY: one of those that somebody has made. */
function names(): Promise<number> {
  return each(1, async (redis) => {
    let answers = 0;
    for (; !isOver(); answers++) {
      const key = String(await redis.ask('RANDOMKEY'));
      if (!KEYS.test(key)) throw new Error(`RANDOMKEY answers ${key}`);
      await sleep(1);
    }
    return answers;
  });
}

function list(reply: Reply | undefined): readonly Reply[] {
  if (Array.isArray(reply)) return reply;
  throw new Error(`a list was due, and ${reply} came`);
}

await conclude(async () => {
  await each(1, async (redis) => {
    await redis.ask('FLUSHALL');
    await redis.ask('MSET', ...ACCOUNTS.flatMap((account) => [account, ACCOUNT_START]));
    await redis.ask('MSET', ...CONSTANTS.flatMap((constant) => [constant, 1]));
    return 0;
  });
  const works = [counter, transfers, turns, draws, jobs, news, leases, clock, names];
  const answers = await Promise.all(works.map((work) => work()));
  return `${works.map(({ name }, index) => `${name} ${answers[index]}`).join(', ')}`;
});
