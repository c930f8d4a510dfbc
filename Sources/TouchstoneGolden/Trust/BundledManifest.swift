/// The manifest of the goldens that come with this program.
enum BundledManifest {
  /// The SHA-256 of `golden/MANIFEST.json`; `golden/record.sh` writes it here, and a test holds the two together.
  static let digest = "4a697885985719b8f03959fe4e89d935aba421a4d2ce02781b4fdb357e950100"
}
