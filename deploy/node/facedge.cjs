// The same for require(): every function is a promise anyway, so the module is loaded when one is first called.
const module_ = () => import('./facedge.js');

exports.load = async (...given) => (await module_()).load(...given);
exports.readBundle = async (...given) => (await module_()).readBundle(...given);
exports.readPhoto = async (...given) => (await module_()).readPhoto(...given);

/** `instanceof` holds for the BundleError of the module. */
exports.BundleError = class BundleError extends Error {
  static [Symbol.hasInstance](error) {
    return error?.name === 'BundleError';
  }
};
