import Crypto
import Foundation

/// A JSON web token (RFC 7519) signed with HMAC-SHA-256, as far as Waldur's public `set_usage` needs it.
enum WebToken {
    /// The payload; nil for anything that this secret did not sign.
    static func payload(_ token: String, secret: String) -> JSON? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let header = decode(parts[0]), let payload = decode(parts[1]),
            let signature = decode(parts[2]),
            (try? JSONParser.parse(Array(header)))?["alg"] == "HS256",
            HMAC<SHA256>.isValidAuthenticationCode(
                signature,
                authenticating: Data("\(parts[0]).\(parts[1])".utf8),
                using: SymmetricKey(data: Data(secret.utf8))
            )
        else { return nil }
        return try? JSONParser.parse(Array(payload))
    }

    /// A token of a payload, as somebody with the secret makes it.
    static func sign(_ payload: String, secret: String) -> String {
        let head = encode(Data(#"{"alg":"HS256","typ":"JWT"}"#.utf8))
        let text = "\(head).\(encode(Data(payload.utf8)))"
        let code = HMAC<SHA256>.authenticationCode(
            for: Data(text.utf8),
            using: SymmetricKey(data: Data(secret.utf8))
        )
        return "\(text).\(encode(Data(code)))"
    }

    /// What a token says, whoever signed it.
    static func unverifiedPayload(_ token: String) -> String? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 3
            ? decode(String(parts[1])).map { String(decoding: $0, as: UTF8.self) } : nil
    }

    private static func encode(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    private static func decode(_ text: String) -> Data? {
        let plain = text.replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4))
    }
}

extension WaldurModel {
    /// A new secret of a service provider.
    static func newSecret() -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        return String((0..<16).compactMap { _ in letters.randomElement() })
    }
}
