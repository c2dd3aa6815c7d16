import os
import sys
from multiprocessing import Process


def work():
    print(os.environ["GALLERY"], "GONE" in os.environ, os.path.basename(os.getcwd()), sys.argv[1:])
    print("%03o" % os.umask(0o077), os.path.exists("made"))


if __name__ == "__main__":
    os.environ["GONE"] = "soon"
    os.environ["GALLERY"] = "set by the program"
    del os.environ["GONE"]
    os.makedirs("inside", exist_ok=True)
    os.chdir("inside")
    open("made", "w").close()
    os.umask(0o027)
    sys.argv.append("--more")
    child = Process(target=work)
    child.start()
    child.join()
