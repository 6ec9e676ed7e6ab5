/*
 * The plan of the house as rules. A room is a folder of src/; it may import rooms on lower floors only, and only through
 * their door, index.ts.
 */
const FLOORS = [
  ['foundation'],
  ['config', 'telemetry'],
  ['postgres', 'redis', 'mail', 'lifecycle'],
  ['jobs', 'ledger', 'fleet'],
  ['dispatch', 'control'],
  ['tasks'],
  ['failures', 'clock'],
  ['worker'],
  ['http', 'cli', 'admin', 'testing'],
  ['app'],
];
const TOP_FILES = '^src/[^/]+\\.ts$'; // main.ts, cli.ts, index.ts: floor 10
const TOP_ROOMS = ['demo', 'dev'];

/** What a room on this floor may not import: its neighbours, all floors above, and the files at the top. */
function upward(room, floor) {
  const above = [...FLOORS.slice(floor).flat(), ...TOP_ROOMS].filter((other) => other !== room);
  return {
    name: `${room}-imports-downwards`,
    comment: `${room} stands on floor ${floor}: it may import lower floors only. Own an interface below and let the room above sign in.`,
    severity: 'error',
    from: { path: `^src/${room}/` },
    to: { path: [`^src/(${above.join('|')})/`, TOP_FILES] },
  };
}

module.exports = {
  forbidden: [
    ...FLOORS.flatMap((rooms, floor) => rooms.map((room) => upward(room, floor))),
    {
      name: 'every-room-has-a-floor',
      comment: 'A new folder of src/ must be put on a floor in .dependency-cruiser.cjs.',
      severity: 'error',
      from: {},
      to: { path: '^src/[^/]+/', pathNot: `^src/(${[...FLOORS.flat(), ...TOP_ROOMS].join('|')})/` },
    },
    {
      name: 'through-the-door',
      comment: 'Other rooms are entered through their index.ts.',
      severity: 'error',
      from: { path: '^src/([^/]+)/.+' },
      to: { path: '^src/[^/]+/.+', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$'] },
    },
    {
      name: 'through-the-door-from-the-top',
      comment: 'main.ts, cli.ts and index.ts enter the rooms through their index.ts.',
      severity: 'error',
      from: { path: TOP_FILES },
      to: { path: '^src/[^/]+/.+', pathNot: '^src/[^/]+/index\\.ts$' },
    },
    {
      name: 'demo-is-a-user',
      comment:
        'The demo is the first user of the public surface: it sees src/index.ts only. Its runner may start servers.',
      severity: 'error',
      from: { path: '^src/demo/', pathNot: '^src/demo/run(\\.ts$|/)' },
      to: { path: '^src/', pathNot: ['^src/demo/', '^src/index\\.ts$'] },
    },
    {
      name: 'demo-runner',
      comment: 'The runner of the demo sees the public surface and the development servers.',
      severity: 'error',
      from: { path: '^src/demo/run(\\.ts$|/)' },
      to: { path: '^src/', pathNot: ['^src/demo/', '^src/index\\.ts$', '^src/dev/index\\.ts$'] },
    },
    {
      name: 'dev-knows-nothing-of-jobs',
      comment: 'The development runner starts servers and processes; it knows the foundation only.',
      severity: 'error',
      from: { path: '^src/dev/' },
      to: { path: '^src/', pathNot: ['^src/dev/', '^src/foundation/index\\.ts$'] },
    },
    {
      name: 'bull-lives-in-dispatch',
      comment: 'Bull is dispatch’s affair: nobody else may import it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/dispatch/' },
      to: { path: 'node_modules/(bull|@nestjs/bull|@nestjs/bull-shared)/' },
    },
    {
      name: 'source-knows-no-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-circles',
      comment: 'Two files that need each other are one file, or three.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
