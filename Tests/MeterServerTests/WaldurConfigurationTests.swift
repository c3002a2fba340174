internal import Foundation
internal import Meter
internal import MeterTesting
internal import MeterWaldur
internal import Testing

@testable internal import MeterServer

/// Several Waldurs and accounts in the settings file.
@Suite struct WaldurConfigurationTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        for name in ["a", "b", "c"] { try write("\(name).token", "token-\(name)\n") }
    }

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: directory.path + "/" + name))
    }

    private func configuration(
        _ yaml: String,
        _ environment: [String: String] = [:]
    ) async throws -> ServerConfiguration {
        try write("settings.yaml", yaml.replacing("DIR", with: directory.path))
        return try ServerConfiguration(
            try await ConfigurationValues(
                arguments: [
                    "--config", directory.path + "/settings.yaml", "--data",
                    directory.path + "/data", "--insecure-loopback",
                ],
                environment: environment
            )
        )
    }

    private static let two = """
        waldur:
          report-seconds: 120
          guard-seconds: 300
        waldurs:
          tallinn:
            url: https://one.example/api/
            time-zone: Europe/Tallinn
            currency: EUR
            homeport-url: https://one.example/
            accounts:
              a: { token-file: DIR/a.token }
              b:
                token-file: DIR/b.token
                offerings: 0ff00000000000000000000000000001, 0ff00000000000000000000000000002
          tartu:
            url: https://two.example/api/
            token-file: DIR/c.token
            report-seconds: 600
        """

    @Test func `each Waldur has its own accounts, zone and intervals, or those of all`()
        async throws
    {
        let configuration = try await configuration(Self.two)
        #expect(configuration.waldurs.map(\.id) == ["tallinn", "tartu"])
        let tallinn = try #require(configuration.waldur("tallinn"))
        #expect(tallinn.zone.description == "Europe/Tallinn" && tallinn.currency == "EUR")
        #expect(tallinn.reportInterval == .seconds(120) && tallinn.guardTime == .seconds(300))
        #expect(tallinn.accounts.map(\.account.name) == ["a", "b"])
        #expect(tallinn.accounts[0].account.offerings == nil)
        #expect(tallinn.accounts[1].account.offerings?.count == 2)
        let tartu = try #require(configuration.waldur("tartu"))
        #expect(tartu.zone == .utc && tartu.reportInterval == .seconds(600))
        #expect(tartu.accounts.map(\.account) == [.only])
        #expect(configuration.homePorts == ["tallinn": "https://one.example"])
    }

    @Test func `the one of the environment stands beside those of the file`() async throws {
        let configuration = try await configuration(
            Self.two,
            ["WALDUR_API_URL": "https://three.example", "WALDUR_API_TOKEN": "secret"]
        )
        #expect(configuration.waldurs.map(\.id) == ["waldur", "tallinn", "tartu"])
    }

    @Test func `what is wrong is named with its place in the file`() async throws {
        let cases = [
            ("waldurs:\n  one:\n    token-file: DIR/a.token\n", "waldurs.one.url"),
            ("waldurs:\n  one:\n    url: https://x\n", "waldurs.one.token-file"),
            ("waldurs:\n  one:\n    url: https://x\n    toke-file: y\n", "waldurs.one.toke-file"),
            ("waldurs:\n  o ne:\n    url: https://x\n", "waldurs.o ne.url"),
            (
                "waldurs:\n  one:\n    url: https://x\n    token-file: DIR/a.token\n"
                    + "    accounts: { a: { token-file: DIR/b.token } }\n",
                "waldurs.one.accounts.a.token-file"
            ),
            (
                "waldurs:\n  one:\n    url: https://x\n    accounts: { a: { token-file: DIR/a.token }, "
                    + "b: { token-file: DIR/a.token } }\n",
                "the same token"
            ),
            (
                "waldurs:\n  one:\n    url: https://x\n    accounts: { a: { token-file: DIR/a.token, "
                    + "offerings: nonsense } }\n",
                "no uuid of an offering"
            ),
            (
                "waldurs:\n  one:\n    url: https://x\n    token-file: DIR/a.token\n"
                    + "    time-zone: Europe/Atlantis\n",
                "Europe/Atlantis"
            ),
            (
                "waldur:\n  accounts: { a: { token-file: DIR/a.token } }\n",
                "an account without a Waldur"
            ),
            (
                "waldur:\n  id: one\n  url: https://x\n  token-file: DIR/a.token\n"
                    + "waldurs:\n  one:\n    url: https://x\n    token-file: DIR/b.token\n",
                "waldur.id is one, too"
            ),
        ]
        for (yaml, expected) in cases {
            do {
                _ = try await configuration(yaml)
                Issue.record("taken: \(yaml)")
            } catch {
                #expect("\(error)".contains(expected), "\(yaml): \(error)")
            }
        }
    }
}
