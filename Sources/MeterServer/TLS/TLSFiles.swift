internal import Crypto
internal import FoundationEssentials
internal import NIOSSL

/// Which certificate the server shows, and whose certificates it asks clients for.
struct TLSFiles: Sendable {
    /// PEM: the server's certificate, then those that lead to a root.
    var certificate: String
    /// PEM, without a passphrase.
    var key: String
    /// PEM: who may have signed clients' certificates; nil where clients are not asked for any.
    var clientAuthorities: String?
    /// Whether a client without a certificate is refused.
    var requiresClientCertificate: Bool
    /// Whether TLS 1.2 is refused.
    var requiresTLS13: Bool

    /// What the files held when they were read, all at one moment as nearly as may be.
    struct Contents {
        let context: NIOSSLContext
        /// SHA-256 over all files: another one says that one of them changed.
        let fingerprint: [UInt8]
        /// Seconds since 1970 from which on the certificate is refused by clients.
        let notAfter: Int64
        /// What the certificate says of itself, for the log.
        let description: String
    }

    /// Why the files cannot be used.
    struct Failure: Error, CustomStringConvertible {
        let file: String
        let problem: String

        var description: String { "\(file) \(problem)" }
    }

    private static let byteCountMax = 1 << 20

    /// What all files hold now, without looking into it.
    func fingerprint() throws(Failure) -> [UInt8] {
        var hash = SHA256()
        for path in [certificate, key, clientAuthorities].compactMap({ $0 }) {
            let bytes = try Self.read(path)
            hash.update(data: SHA256.hash(data: bytes).map { $0 })
        }
        return Array(hash.finalize())
    }

    /// Reads the files and makes of them what handshakes need.
    ///
    /// - Throws: Where a file is missing, is not PEM, or key and certificate do not belong together.
    func load() throws(Failure) -> Contents {
        let fingerprint = try fingerprint()
        let chain = try Self.certificates(certificate)
        let keyBytes = try Self.read(key)
        guard let privateKey = try? NIOSSLPrivateKey(bytes: keyBytes, format: .pem) else {
            throw Failure(file: key, problem: "has no private key in PEM without a passphrase")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(privateKey)
        )
        configuration.minimumTLSVersion = requiresTLS13 ? .tlsv13 : .tlsv12
        if let clientAuthorities {
            configuration.trustRoots = .certificates(try Self.certificates(clientAuthorities))
            configuration.certificateVerification =
                requiresClientCertificate ? .noHostnameVerification : .optionalVerification
        }
        do {
            return Contents(
                context: try NIOSSLContext(configuration: configuration),
                fingerprint: fingerprint,
                notAfter: Int64(chain[0].notValidAfter),
                description: TLSPeer.name(of: chain[0])
            )
        } catch {
            throw Failure(
                file: key,
                problem: "does not belong to \(certificate), or TLS cannot use them: \(error)"
            )
        }
    }

    private static func certificates(_ path: String) throws(Failure) -> [NIOSSLCertificate] {
        let bytes = try read(path)
        guard let found = try? NIOSSLCertificate.fromPEMBytes(bytes), !found.isEmpty else {
            throw Failure(file: path, problem: "has no certificate in PEM")
        }
        return found
    }

    private static func read(_ path: String) throws(Failure) -> [UInt8] {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else {
            throw Failure(file: path, problem: "cannot be read")
        }
        guard data.count <= byteCountMax else {
            throw Failure(file: path, problem: "is larger than 1 MiB")
        }
        return Array(data)
    }
}
