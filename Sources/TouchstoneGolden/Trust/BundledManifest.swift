/// The manifest of the goldens that come with this program.
enum BundledManifest {
  /// The SHA-256 of `golden/MANIFEST.json`; `golden/record.sh` writes it here, and a test holds the two together.
  static let digest = "e70ab57fe3836e1b5de5e3fdd8bfc06d1003defca2ae791c11da0fa16519ab8c"
}
