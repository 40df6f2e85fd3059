// The same for require(): every function is a promise anyway, so the module is loaded when one is first called.
const facedge = () => import('./facedge.js');

exports.load = async (...given) => (await facedge()).load(...given);
exports.readBundle = async (...given) => (await facedge()).readBundle(...given);
exports.openFinderAt = async (...given) => (await facedge()).openFinderAt(...given);
exports.readPhoto = async (...given) => (await facedge()).readPhoto(...given);

/** `instanceof` holds for the BundleError of the module. */
exports.BundleError = class BundleError extends Error {
  static [Symbol.hasInstance](error) {
    return error?.name === 'BundleError';
  }
};
