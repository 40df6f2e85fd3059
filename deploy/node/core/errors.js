// The error of a bundle that is damaged, edited, too new, or of another preprocessing.
export class BundleError extends Error {
  name = 'BundleError';
}
