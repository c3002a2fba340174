import Foundation

/// The uuid of an object: 32 lower-case hexadecimal digits without dashes.
struct ID: Hashable, Sendable, CustomStringConvertible {
    let hex: String

    var description: String { hex }

    /// A new random one.
    init() {
        hex = UUID().uuidString.replacing("-", with: "").lowercased()
    }

    /// Accepts both spellings, with dashes and without.
    init?(_ text: String) {
        let plain = text.replacing("-", with: "").lowercased()
        guard plain.utf8.count == 32, plain.allSatisfy(\.isHexDigit),
            text.utf8.count == 32 || text.utf8.count == 36
        else { return nil }
        hex = plain
    }
}
