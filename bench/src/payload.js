/** Some 150 bytes of JSON; every contender gets the same. */
export const NOOP_PAYLOAD = {
  at: 0,
  imageId: '0196f2a4-7c1e-7f3a-9b52-3d8a6c0e91f4',
  widths: [320, 640, 1280],
  format: 'webp',
  note: 'bench',
};
