import Meter
import MeterTesting
import Synchronization
import Testing

@testable import meterctl

struct ProgressTests {
    /// What was written, and a clock that stands until it is moved.
    private final class Stage: Sendable {
        let written = Mutex("")
        let now = Mutex<Int64>(0)

        func progress(total: UInt64, screen: Screen?) -> Progress {
            Progress(
                "reading",
                total: total,
                .bytes,
                screen: screen,
                clock: { self.now.withLock { $0 } },
                write: { text in self.written.withLock { $0 += text } }
            )
        }

        func pass(_ microseconds: Int64) { now.withLock { $0 += microseconds } }

        var text: String { written.withLock { $0 } }
    }

    @Test(arguments: [20, 40, 80, 200])
    func `the line says how far, how fast and how long, and never fills the screen`(width: Int) {
        let line = Progress.line(
            "verifying",
            done: 1_000_000_000,
            of: 1_900_000_000,
            .bytes,
            microseconds: 4_000_000,
            on: Screen(width: width)
        )
        #expect(TextWidth.of(line) < width)
        if width >= 80 {
            #expect(line.hasPrefix("verifying ━━━"))
            #expect(line.hasSuffix("─  52%  1.0 GB of 1.9 GB  250 MB/s  4 s left"))
        }
    }

    @Test func `the end has no time left, and nothing at all is whole`() {
        func line(_ done: UInt64, _ total: UInt64) -> String {
            Progress.line(
                "replaying",
                done: done,
                of: total,
                .things("calls"),
                microseconds: 2_000_000,
                on: Screen(width: 80)
            )
        }
        #expect(line(8_819, 8_819).hasSuffix("━ 100%  8 819 of 8 819 calls  4.4 k/s"))
        #expect(line(0, 0).hasSuffix("━ 100%  0 of 0 calls  0/s"))
        #expect(line(0, 5).hasSuffix("─   0%  0 of 5 calls  0/s"))
    }

    @Test func `work that is over at once, and work that nobody sees, write nothing`() {
        let quick = Stage()
        let progress = quick.progress(total: 10, screen: Screen(width: 80))
        progress.advance(by: 10)
        progress.finish()
        #expect(quick.text == "")
        let unseen = Stage()
        let other = unseen.progress(total: 10, screen: nil)
        unseen.pass(10_000_000)
        other.advance(by: 5)
        other.finish()
        #expect(unseen.text == "")
    }

    @Test func `long work is shown ten times a second at most, and taken away at its end`() {
        let stage = Stage()
        let progress = stage.progress(total: 1_000, screen: Screen(width: 80))
        for _ in 0..<1_000 {
            stage.pass(1_000)
            progress.advance(by: 1)
        }
        let lines = stage.text.split(separator: "\r")
        #expect((8...10).contains(lines.count))
        progress.finish()
        #expect(stage.text.hasSuffix("\r\u{1B}[K"))
    }

    @Test func `every byte of a file is progress once, however often it is read`() throws {
        let scratch = try TemporaryDirectory()
        let disk = try POSIXDisk(path: scratch.path)
        let file = try disk.create("a")
        let bytes = [UInt8](repeating: 7, count: 1_000)
        unsafe try bytes.withUnsafeBytes { unsafe try file.append($0) }
        let stage = Stage()
        let progress = stage.progress(total: 1_000, screen: Screen(width: 80))
        let watched = WatchedDisk(disk, progress)
        stage.pass(200_000)
        for (offset, count) in [(0, 100), (0, 100), (50, 450), (900, 100), (0, 1_000)] {
            stage.pass(200_000)
            var target = [UInt8](repeating: 0, count: count)
            let file = try watched.open("a")
            _ = unsafe try target.withUnsafeMutableBytes {
                unsafe try file.read(at: offset, into: $0)
            }
        }
        let shares = stage.text.split(separator: "\r").compactMap { line in
            line.split(separator: " ").first { $0.hasSuffix("%") }
        }
        #expect(shares == ["10%", "50%", "100%"])
    }
}
