import ArgumentParser
import Foundation
import MeterTesting
import Testing

@testable import meterctl

struct ManualTests {
    @Test func `the manual page has every verb, and is the one of the repository`() throws {
        let page = try ManualPage.text()
        for name in Meterctl.configuration.subcommands.map({ $0._commandName }) {
            #expect(page.contains(".SS meterctl \(name)"), "\(name)")
        }
        try Snapshot.expect(page, "meterctl.1")
    }

    @Test func `man finds nothing to complain of`() throws {
        let scratch = try TemporaryDirectory()
        try Data(try ManualPage.text().utf8).write(to: URL(filePath: scratch.path + "/m.1"))
        let groff = try #require(
            ["/usr/bin/groff", "/usr/local/bin/groff"]
                .first { FileManager.default.isExecutableFile(atPath: $0) },
            "groff is missing: scripts/setup installs it"
        )
        let shown = try Program(groff).run(
            ["-man", "-Tutf8", "-ww", "-z", scratch.path + "/m.1"]
        )
        #expect(shown.code == 0)
        #expect(shown.errors == "")
    }

    @Test func `completions are taken by bash, and complete verbs and words`() throws {
        let tool = Program("meterctl")
        for shell in ["bash", "zsh", "fish"] {
            #expect(try tool.run(["completions", shell]).output.contains("meterctl"))
        }
        let scratch = try TemporaryDirectory()
        let script = scratch.path + "/meterctl.bash"
        try Data(try tool.run(["completions", "bash"]).output.utf8)
            .write(to: URL(filePath: script))
        func complete(_ words: String...) throws -> [String] {
            let line = words.joined(separator: " ")
            let quoted = words.map { "'\($0)'" }.joined(separator: " ")
            let shown = try Program("/bin/bash").run(
                [
                    "-c",
                    """
                    source '\(script)'
                    PATH='\(URL(filePath: tool.path).deletingLastPathComponent().path)':$PATH
                    COMP_WORDS=(\(quoted)); COMP_CWORD=\(words.count - 1)
                    COMP_LINE='\(line)'; COMP_POINT=\(line.count)
                    $(complete -p meterctl | sed 's/.*-F \\([^ ]*\\) .*/\\1/') meterctl \
                    '\(words.last ?? "")' '\(words.dropLast().last ?? "")'
                    printf '%s\\n' "${COMPREPLY[@]}"
                    """,
                ]
            )
            #expect(shown.errors == "")
            return shown.output.split(separator: "\n")
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
        #expect(try complete("meterctl", "recon") == ["reconcile"])
        #expect(Set(try complete("meterctl", "keys", "r")) == ["rotate", "revoke"])
        #expect(try complete("meterctl", "completions", "f") == ["fish"])
        #expect(try complete("meterctl", "status", "-o", "c") == ["csv"])
    }
}
