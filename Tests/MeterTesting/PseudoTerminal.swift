internal import Glibc

/// A terminal without a screen: what a program sees as one, and the test's side of it.
final class PseudoTerminal {
    struct Failure: Error {
        let call: String
        let errno: Int32
    }

    private let testSide: Int32
    private(set) var programSide: Int32

    init(columns: UInt16) throws(Failure) {
        var sides: (test: Int32, program: Int32) = (-1, -1)
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        guard unsafe openpty(&sides.test, &sides.program, nil, nil, &size) == 0 else {
            throw Failure(call: "openpty", errno: errno)
        }
        // What another test starts meanwhile must not keep this terminal open.
        for side in [sides.test, sides.program] { _ = fcntl(side, F_SETFD, FD_CLOEXEC) }
        (testSide, programSide) = sides
    }

    deinit {
        close(testSide)
        closeProgramSide()
    }

    /// Once the program has its own: then its end is the terminal's end.
    func closeProgramSide() {
        if programSide >= 0 { close(programSide) }
        programSide = -1
    }

    /// What the program wrote; nil at its end, or when it writes nothing for so long.
    func read(milliseconds: Int32) -> String? {
        var asked = pollfd(fd: testSide, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&asked, 1, milliseconds) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = unsafe Glibc.read(testSide, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe write(testSide, bytes, bytes.count)
    }
}
