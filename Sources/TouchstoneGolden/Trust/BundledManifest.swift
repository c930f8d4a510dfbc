/// The manifest of the goldens that come with this program.
enum BundledManifest {
  /// The SHA-256 of `golden/MANIFEST.json`; `golden/record.sh` writes it here, and a test holds the two together.
  static let digest = "4ad1a71ef3395d41c5f5b388949a30bac582417a2ce9ed801dc3dd814bafce10"
}
