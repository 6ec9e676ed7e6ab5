export { freePort } from '../../src/dev/index.js';
