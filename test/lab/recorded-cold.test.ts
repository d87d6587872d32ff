// Real servers at level recorded, with a backup that starts its server at the takeover and has it do again all that is in the log.
import { testRecordedServers } from './recorded.ts';

testRecordedServers('cold');
