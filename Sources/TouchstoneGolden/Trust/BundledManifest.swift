/// The manifest of the goldens that come with this program.
enum BundledManifest {
  /// The SHA-256 of `golden/MANIFEST.json`; `golden/record.sh` writes it here, and a test holds the two together.
  static let digest = "6a3be9fa1238096c98204341655f51b8d47c380c7b3477ebaf066e85137f0d72"
}
