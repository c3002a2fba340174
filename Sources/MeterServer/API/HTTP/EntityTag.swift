internal import Crypto
internal import MeterWire

/// Tells two contents of one address apart: equal tags mean equal figures.
///
/// Weak (RFC 9110 §8.8.1), since what an answer says of its own freshness is not part of it: the time at
/// which a figure holds goes on while the figure stays.
struct EntityTag: Equatable, Sendable {
    let text: String

    /// - Parameter content: What is compared: the answer without its freshness.
    init(of content: [UInt8]) {
        text = "W/\"\(Hexadecimal.text(SHA256.hash(data: content).prefix(16)))\""
    }

    /// Whether an `If-None-Match` header names this content, or any.
    func isNamed(in header: String) -> Bool {
        header.split(separator: ",").map(\.trimmingSpaces).contains { candidate in
            candidate == "*" || candidate == text || "W/" + candidate == text
        }
    }
}
