internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Why a server gave no answer, by what the system said.
struct Unreachable {
    private let address: ServerAddress
    private let error: any Error

    init(_ address: ServerAddress, _ error: any Error) {
        self.address = address
        self.error = (error as? NIOConnectionError)?.connectionErrors.first?.error ?? error
    }

    var failure: CommandFailure {
        let number = (error as? IOError)?.errnoCode
        switch (address, number) {
        case (.socket(let path), ENOENT):
            return CommandFailure(
                .unavailable,
                "there is no server at \(path)",
                next: "say where its data is (--data, METER_DATA), or start it: "
                    + "MeterServer --data DIRECTORY"
            )
        case (.socket(let path), ECONNREFUSED):
            return CommandFailure(
                .unavailable,
                "the server at \(path) does not run any more",
                next: "start it again: MeterServer --data DIRECTORY"
            )
        case (.socket(let path), EACCES):
            return CommandFailure(
                .unavailable,
                "\(path) may not be opened by this user",
                next: "run as the server's user, or use a key: --url, --key-file"
            )
        default:
            return CommandFailure(
                .unavailable,
                "no server answers at \(address.text): \(cause(number))",
                next: "check the address (--url, METER_URL), and whether the server runs"
            )
        }
    }

    private func cause(_ number: CInt?) -> String {
        if let number { return unsafe String(cString: strerror(number)).lowercased() }
        if let error = error as? HTTPClientError { return error.shortDescription.lowercased() }
        let text = "\(error)"
        return text.count > 120 ? "\(type(of: error))" : text
    }
}
