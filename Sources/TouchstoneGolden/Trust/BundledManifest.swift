/// The manifest of the goldens that come with this program.
enum BundledManifest {
  /// The SHA-256 of `golden/MANIFEST.json`; `golden/record.sh` writes it here, and a test holds the two together.
  static let digest = "19840654a593caf344515d6d55d830dc324d10bc53f2ba7773bab0346a059c4f"
}
