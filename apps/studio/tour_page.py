"""/admin/tour/: opens a step of the start tour, puts the tour away and brings it back."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from apps.studio import sites, tour
from apps.work import clock


def start_tour(request: HttpRequest) -> HttpResponse:
    """GET `?step=` goes to the page of a step; POST `do` "away" or "back", then home."""
    if request.method == "POST":
        user_id = int(request.user.pk or 0)
        if request.POST.get("do") == "away":
            tour.put_away(user_id, clock.now())
        else:
            tour.bring_back(user_id)
        return redirect("admin:index")
    site, _ = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    return redirect(tour.opened(request, site, request.GET.get("step", "")))
