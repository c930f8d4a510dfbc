/// The manifest of the goldens that come with this program.
enum BundledManifest {
  /// The SHA-256 of `golden/MANIFEST.json`; `golden/record.sh` writes it here, and a test holds the two together.
  static let digest = "bb8865a42b59936d649675bf64397eededd09bbf4acaea4ab1965fddd78f1816"
}
